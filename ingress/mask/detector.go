package mask

import "slices"

// Detector names what is looked for, as in the resource Mask.
type Detector string

const (
	CreditCard Detector = "credit-card"
	Email      Detector = "email"
	Phone      Detector = "phone"
	IBAN       Detector = "iban"
	NationalID Detector = "national-id"
	PrivateKey Detector = "private-key"
	JWT        Detector = "jwt"
	CloudKey   Detector = "cloud-key"
	Secret     Detector = "secret"

	// ExternalDetector is what an [External] finds. It is no part of a [Scanner].
	ExternalDetector Detector = "external"
)

// kind is a detector's index.
type kind uint8

const (
	kindCard kind = iota
	kindEmail
	kindPhone
	kindIBAN
	kindID
	kindPrivateKey
	kindJWT
	kindCloudKey
	kindSecret
	kinds // how many there are
)

// detector returns the name of k.
func (k kind) detector() Detector { return builtin()[k] }

func builtin() [kinds]Detector {
	return [kinds]Detector{CreditCard, Email, Phone, IBAN, NationalID, PrivateKey, JWT, CloudKey, Secret}
}

// kindOf returns the index of a built-in detector.
func kindOf(d Detector) (kind, bool) {
	all := builtin()
	i := slices.Index(all[:], d)
	return kind(max(i, 0)), i >= 0
}
