// A certified OpenID provider for the tests: npm's oidc-provider, with everything in memory.
//
//	node main.mjs ADDRESS REDIRECT GROUP
//
// The issuer is http://ADDRESS. Anybody may sign in with any password: the login is the subject and the e-mail
// address, which is verified unless it begins with "unverified". All are in GROUP and in oncall. Claims are at
// the userinfo endpoint alone, identity tokens are signed with ES256, refresh tokens are for those who consent
// to offline_access, and every answer names its issuer (RFC 9207).
//
// Clients: gateway (secret gateway-secret; authorization code with PKCE, refresh tokens), robot (secret
// robot-secret; client credentials, a JWT for the audience sallyport) and opaque (secret opaque-secret; client
// credentials, a token that says nothing by itself).
//
// SIGHUP: new keys; what was signed with the old ones is no longer vouched for.
import { createServer } from 'node:http'
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'

const [address, redirect, group] = process.argv.slice(2)
const resource = 'urn:sallyport:api'
let keys = 0

function key(alg, kind, options) {
  const { privateKey } = generateKeyPairSync(kind, options)
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-${process.pid}-${keys}` }
}

function client(client_id, more) {
  return { client_id, client_secret: client_id + '-secret', redirect_uris: [], response_types: [], grant_types: ['client_credentials'], ...more }
}

function account(sub) {
  return { sub, email: sub, email_verified: !sub.startsWith('unverified'), groups: [group, 'oncall'] }
}

// What was given out is kept here, so that it holds when a new provider takes the place of one.
const kept = new Map()

class Memory {
  constructor(model) {
    this.model = model
  }
  async upsert(id, payload) {
    kept.set(this.model + ':' + id, payload)
  }
  async find(id) {
    return kept.get(this.model + ':' + id)
  }
  async findByUid(uid) {
    for (const [key, payload] of kept) if (key.startsWith(this.model + ':') && payload.uid === uid) return payload
  }
  async consume(id) {
    kept.get(this.model + ':' + id).consumed = Math.floor(Date.now() / 1000)
  }
  async destroy(id) {
    kept.delete(this.model + ':' + id)
  }
  async revokeByGrantId(grant) {
    for (const [key, payload] of kept) if (payload.grantId === grant) kept.delete(key)
  }
}

function make() {
  keys++
  const provider = new Provider('http://' + address, {
    adapter: Memory,
    jwks: { keys: [key('ES256', 'ec', { namedCurve: 'P-256' }), key('RS256', 'rsa', { modulusLength: 2048 })] },
    cookies: { keys: ['a key of the tests'] },
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    rotateRefreshToken: true,
    pkce: { required: () => true },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 600, Grant: 86400, IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 86400 },
    findAccount: (_, id) => ({ accountId: id, claims: () => account(id) }),
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, client) => (client.clientId === 'robot' ? resource : undefined),
        useGrantedResource: () => false,
        getResourceServerInfo: () => ({ scope: 'connect', audience: 'sallyport', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
      },
    },
    clients: [
      client('gateway', { redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'], id_token_signed_response_alg: 'ES256' }),
      client('robot', {}),
      client('opaque', {}),
    ],
  })
  return provider.callback()
}

let serve = make()
process.on('SIGHUP', () => (serve = make()))
createServer((request, response) => serve(request, response)).listen(Number(address.split(':')[1]), address.split(':')[0])
