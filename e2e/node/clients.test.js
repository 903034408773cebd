// openid-client, oauth4webapi and jose against a demo: `portcullis demo -- node --test`.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

const issuer = new URL(process.env.PORTCULLIS_ISSUER)
const gateway = process.env.PORTCULLIS_GATEWAY
const [id, secret] = [process.env.FREE_CLIENT_ID, process.env.FREE_CLIENT_SECRET]
const folder = mkdtempSync(join(tmpdir(), 'portcullis-node-'))
after(() => rmSync(folder, { recursive: true }))

/** A client of the issuer, by its metadata. The demo speaks http, which the library must be told to bear. */
function discovered(clientId, authentication, algorithm = 'oauth2') {
  const options = { algorithm, execute: [client.allowInsecureRequests] }
  return client.discovery(issuer, clientId, undefined, authentication, options)
}

let config, token
before(async () => {
  config = await discovered(id, client.ClientSecretBasic(secret))
  token = await client.clientCredentialsGrant(config, { scope: 'generate:basic', resource: gateway })
})

test('openid-client finds the issuer by either kind of metadata', async () => {
  for (const algorithm of ['oauth2', 'oidc']) {
    const found = await discovered(id, client.ClientSecretPost(secret), algorithm)
    assert.equal(found.serverMetadata().issuer, process.env.PORTCULLIS_ISSUER)
    assert.ok(found.serverMetadata().token_endpoint)
  }
})

test('openid-client gets a token with what it asked for, and no more', () => {
  assert.equal(token.token_type, 'bearer')
  assert.equal(token.scope, 'generate:basic')
  assert.ok(token.expiresIn() > 0)
  assert.equal(token.refresh_token, undefined)
})

test('openid-client opens the gateway with it', async () => {
  const headers = new Headers({ 'content-type': 'application/json' })
  const url = new URL('/generate', gateway)
  const answer = await client.fetchProtectedResource(config, token.access_token, url, 'POST', '{"prompt":"The"}', headers)
  assert.equal(answer.status, 200)
})

test('openid-client reads the challenge of a refusal', async () => {
  const refused = client.fetchProtectedResource(config, token.access_token, new URL('/v1/models', gateway), 'GET')
  const error = await refused.then(() => assert.fail('it was let through'), (error) => error)
  assert.ok(error instanceof client.WWWAuthenticateChallengeError, error)
  assert.equal(error.status, 403)
  const [challenge] = error.cause
  assert.equal(challenge.scheme, 'bearer')
  assert.equal(challenge.parameters.error, 'insufficient_scope')
  assert.equal(challenge.parameters.scope, 'model:list')
})

test('the address in the challenge leads to metadata that leads to the issuer', async () => {
  const refused = await fetch(new URL('/v1/models', gateway))
  assert.equal(refused.status, 401)
  const address = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate'))[1]
  const resource = new URL(gateway)
  const request = await oauth.resourceDiscoveryRequest(resource, { [oauth.allowInsecureRequests]: true })
  assert.equal(request.url, address)
  const metadata = await oauth.processResourceDiscoveryResponse(resource, request)
  assert.deepEqual(metadata.authorization_servers, [process.env.PORTCULLIS_ISSUER])
})

test('openid-client reads the error of a refused grant', async () => {
  const refused = client.clientCredentialsGrant(config, { scope: 'generate:advanced' })
  await assert.rejects(refused, { error: 'invalid_scope', status: 400 })
  const stranger = await discovered('nobody', client.ClientSecretBasic('wrong'))
  await assert.rejects(client.clientCredentialsGrant(stranger), (error) => {
    assert.equal(error.error ?? error.cause?.[0]?.scheme, error.error ? 'invalid_client' : 'basic')
    return true
  })
})

test('openid-client authenticates with its own key', async () => {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256')
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'node-1', alg: 'ES256', use: 'sig' }
  const file = join(folder, 'node.jwks.json')
  writeFileSync(file, JSON.stringify({ keys: [jwk] }))
  const terms = ['--auth', 'private-key-jwt', '--jwks', file, '--scope', 'generate:basic']
  execFileSync('portcullis', ['client', 'add', 'Node', '--id', 'node-partner', ...terms])
  const partner = await discovered('node-partner', client.PrivateKeyJwt({ key: privateKey, kid: 'node-1' }))
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      const granted = await client.clientCredentialsGrant(partner)
      assert.equal(granted.scope, 'generate:basic')
      return
    } catch (error) {
      // A running server takes over what a command changed within a second, and counts failed attempts.
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
})

test('jose verifies the token by the published keys', async () => {
  const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))
  const { payload, protectedHeader } = await jose.jwtVerify(token.access_token, keys, {
    issuer: process.env.PORTCULLIS_ISSUER,
    audience: gateway,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['sub', 'client_id', 'jti', 'iat', 'exp'],
  })
  assert.equal(payload.client_id, id)
  assert.ok(protectedHeader.kid)
})

test('oauth4webapi accepts the token as RFC 9068 says', async () => {
  const request = new Request(gateway, { headers: { authorization: `Bearer ${token.access_token}` } })
  const insecure = { [oauth.allowInsecureRequests]: true }
  const claims = await oauth.validateJwtAccessToken(config.serverMetadata(), request, gateway, insecure)
  assert.equal(claims.scope, 'generate:basic')
})
