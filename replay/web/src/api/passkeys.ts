import { get, request } from './client'

// Passkey is one of somebody's, as the server lists it.
export interface Passkey {
  id: string
  user: string
  name: string
  created: string
  used?: string
  synced: boolean
  suspect: boolean
}

export const passkeys = async () => (await get<{ passkeys: Passkey[] | null }>('/passkeys')).passkeys ?? []
export const rename = (id: string, name: string) => request('PUT', '/passkeys/' + encodeURIComponent(id), { name })
export const remove = (id: string) => request('DELETE', '/passkeys/' + encodeURIComponent(id))

// enrol makes a new passkey on a device of the person's.
export async function enrol(name: string): Promise<Passkey> {
  const options = await asked<CreationOptions>('/passkeys/enrol')
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: (options.excludeCredentials ?? []).map(descriptor),
    },
  })
  return (await (await request('POST', '/passkeys', { name, answer: written(made) })).json()) as Passkey
}

// prove has the person prove with one that it is them: the session counts as proved after it.
export const prove = () => answer('/stepup', '/stepup/answer')

// enter signs in with one; it says who it is.
export const enter = () => answer('/identity/passkey/ask', '/identity/passkey')

async function answer(ask: string, to: string): Promise<void> {
  const options = await asked<RequestOptions>(ask)
  const used = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: (options.allowCredentials ?? []).map(descriptor),
    },
  })
  await request('POST', to, { answer: written(used) })
}

// What the server sends has bytes as base64url; browsers of a few years ago want them as bytes.
interface Descriptor {
  id: string
  type: 'public-key'
  transports?: AuthenticatorTransport[]
}
interface CreationOptions extends Omit<PublicKeyCredentialCreationOptions, 'challenge' | 'user' | 'excludeCredentials'> {
  challenge: string
  user: Omit<PublicKeyCredentialUserEntity, 'id'> & { id: string }
  excludeCredentials?: Descriptor[]
}
interface RequestOptions extends Omit<PublicKeyCredentialRequestOptions, 'challenge' | 'allowCredentials'> {
  challenge: string
  allowCredentials?: Descriptor[]
}

const asked = async <T>(path: string) => ((await (await request('POST', path)).json()) as { options: T }).options

const descriptor = (d: Descriptor) => ({ ...d, id: bytes(d.id) })

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
}

export function text(buffer: ArrayBuffer): string {
  return btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(''))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')
}

// written is a credential as the server reads it.
function written(credential: Credential | null): object {
  if (!(credential instanceof PublicKeyCredential)) throw new Error('The browser returned no passkey.')
  const r = credential.response
  const response: Record<string, unknown> = { clientDataJSON: text(r.clientDataJSON) }
  if (r instanceof AuthenticatorAttestationResponse) {
    response.attestationObject = text(r.attestationObject)
    response.transports = r.getTransports?.() ?? []
  } else if (r instanceof AuthenticatorAssertionResponse) {
    response.authenticatorData = text(r.authenticatorData)
    response.signature = text(r.signature)
    if (r.userHandle) response.userHandle = text(r.userHandle)
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response }
}

// available says whether this browser knows passkeys at all.
export const available = () => typeof window.PublicKeyCredential === 'function'

// told is what went wrong at the device, in words.
export function told(err: unknown): string {
  if (!(err instanceof DOMException)) return err instanceof Error ? err.message : String(err)
  switch (err.name) {
    case 'NotAllowedError':
      return 'It was cancelled, or took too long.'
    case 'InvalidStateError':
      return 'This device has a passkey for you already.'
    case 'SecurityError':
      return 'The browser gives no passkeys to pages at this address.'
  }
  return err.message
}
