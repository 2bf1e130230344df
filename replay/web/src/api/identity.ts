import { get, request } from './client'

// Provider is one way to sign in; its start is a path to go to.
export interface Provider {
  name: string
  title: string
  kind: string
  start: string
}

export interface Entrances {
  providers: Provider[]
  passwords: boolean
  passkeys: string // origin where they sign in; empty: nowhere
}

// Terminal is somebody's sallyport login that waits.
export interface Terminal {
  address: string
  host: string
  asked: string
}

export const entrances = () => get<Entrances>('/identity/providers')
export const password = (user: string, password: string) => request('POST', '/identity/password', { user, password })
export const refresh = () => request('POST', '/signin/refresh')

export async function authorize(redirect: string, challenge: string, state: string): Promise<string> {
  const body = { redirect_uri: redirect, code_challenge: challenge, state }
  const answer = (await (await request('POST', '/identity/authorize', body)).json()) as { location: string }
  return answer.location
}

const device = (code: string) => '/identity/device/' + encodeURIComponent(code)
export const terminal = (code: string) => get<Terminal>(device(code))
export const decide = (code: string, approve: boolean) => request('POST', device(code), { approve })

// takeProblem returns what a sign-in that another site sent back failed with. It is in a cookie,
// because what is in an address anybody could have put there.
export function takeProblem(): string {
  for (const part of document.cookie.split('; ')) {
    const [name = '', value = ''] = part.split('=')
    if (name !== 'sallyport_problem' && name !== '__Host-sallyport_problem') continue
    document.cookie = `${name}=; Path=/; Max-Age=0; SameSite=Strict` + (name.startsWith('__Host-') ? '; Secure' : '')
    try {
      const bytes = Uint8Array.from(atob(value.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
      return String(JSON.parse(new TextDecoder().decode(bytes)))
    } catch {
      return ''
    }
  }
  return ''
}
