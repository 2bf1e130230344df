package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// revoked returns nil if every certificate of a way but the trusted one stands on a current list of its
// issuer, as not revoked.
func revoked(way []*x509.Certificate, lists []*x509.RevocationList, now time.Time) error {
	for i, c := range way[:len(way)-1] {
		list := listOf(way[i+1], lists)
		switch {
		case list == nil:
			return refuse("whether the client certificate was revoked is not known: there is no list of its issuer", nil)
		case now.Before(list.ThisUpdate) || list.NextUpdate.IsZero() || now.After(list.NextUpdate):
			return refuse("whether the client certificate was revoked is not known: its issuer's list is out of date", nil)
		}
		if slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(c.SerialNumber) == 0 }) {
			return refuse("the client certificate was revoked", nil)
		}
	}
	return nil
}

// listOf returns the newest list that an issuer has signed.
func listOf(issuer *x509.Certificate, lists []*x509.RevocationList) (newest *x509.RevocationList) {
	for _, l := range lists {
		if bytes.Equal(l.RawIssuer, issuer.RawSubject) && l.CheckSignatureFrom(issuer) == nil && (newest == nil || l.ThisUpdate.After(newest.ThisUpdate)) {
			newest = l
		}
	}
	return newest
}

// readLists reads revocation lists, in PEM or one in DER.
func readLists(data []byte) (lists []*x509.RevocationList, err error) {
	var ders [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "X509 CRL" {
			ders = append(ders, block.Bytes)
		}
	}
	if len(ders) == 0 {
		ders = [][]byte{data}
	}
	for _, der := range ders {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("read a revocation list: %w", err)
		}
		if err := whole(l); err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// whole refuses a list that is not all that its issuer has revoked: RFC 5280 section 5.2 has a critical extension
// say so.
func whole(l *x509.RevocationList) error {
	for _, e := range l.Extensions {
		if e.Critical {
			return fmt.Errorf("a revocation list has the critical extension %s, which is not understood", e.Id)
		}
	}
	for _, entry := range l.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical {
				return fmt.Errorf("a revocation list has an entry with the critical extension %s, which is not understood", e.Id)
			}
		}
	}
	return nil
}

// readCertificates reads the certificates of a PEM file.
func readCertificates(data []byte) (certs []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read a certificate: %w", err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate in PEM")
	}
	return certs, nil
}
