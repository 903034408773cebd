// openid-client and oauth4webapi sign people in: PKCE, PAR, DPoP, JAR and JARM, against a demo.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { Visitor } from './visitor.js'

const issuer = new URL(process.env.PORTCULLIS_ISSUER)
const gateway = process.env.PORTCULLIS_GATEWAY
const back = 'http://127.0.0.1/back'
const folder = mkdtempSync(join(tmpdir(), 'portcullis-people-'))
const visitor = new Visitor()
const insecure = { [oauth.allowInsecureRequests]: true }
let key
after(() => rmSync(folder, { recursive: true }))

/** Registers an app; gives its secret, if it has one. */
function added(id, ...terms) {
  const usual = ['--redirect-uri', back, '--api', 'demo', '--scope', 'generate:basic']
  const identity = ['--identity', 'openid profile email offline_access', '--first-party']
  const json = execFileSync('portcullis', ['client', 'add', id, ...usual, ...identity, ...terms, '--json'])
  return JSON.parse(json).client_secret
}

/** A running server takes over what a command changed within a second. */
async function until(attempt) {
  for (const deadline = Date.now() + 10_000; ; ) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  }
}

const discovered = (id, metadata, authentication) =>
  client.discovery(issuer, id, metadata, authentication, { execute: [client.allowInsecureRequests] })

const through = (url) => visitor.through(url, back, process.env.DEMO_USER, process.env.DEMO_PASSWORD)

/** What every request has here, and what is checked in the answer. */
async function request(more = {}) {
  const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState() }
  const parameters = {
    redirect_uri: back,
    scope: 'openid email generate:basic offline_access',
    resource: gateway,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    ...more,
  }
  return { parameters, checks }
}

before(async () => {
  key = await jose.generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await jose.exportJWK(key.publicKey)), kid: 'people', alg: 'ES256', use: 'sig' }
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }))
})

test('openid-client goes the code flow with PKCE, nonce and a secret', async () => {
  const secret = added('node-web')
  const config = await discovered('node-web', undefined, client.ClientSecretBasic(secret))
  const nonce = client.randomNonce()
  const { parameters, checks } = await request({ nonce, scope: 'openid email offline_access' })
  delete parameters.resource
  const url = client.buildAuthorizationUrl(config, parameters)
  const answer = await until(() => through(url))
  const tokens = await client.authorizationCodeGrant(config, answer, { ...checks, expectedNonce: nonce })
  const { sub } = tokens.claims()
  const told = await client.fetchUserInfo(config, tokens.access_token, sub)
  assert.ok(told.email)
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
  assert.equal(renewed.claims().sub, sub)
  assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, true)
  await client.tokenRevocation(config, tokens.refresh_token)
  assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, false)
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
})

test('openid-client pushes its request and binds its tokens by DPoP', async () => {
  added('node-fapi', '--jwks', join(folder, 'jwks.json'), '--fapi2', 'security')
  const method = client.PrivateKeyJwt({ key: key.privateKey, kid: 'people' })
  const config = await discovered('node-fapi', { id_token_signed_response_alg: 'ES256' }, method)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const { parameters, checks } = await request()
  const url = await until(() => client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP }))
  const tokens = await client.authorizationCodeGrant(config, await through(url), checks, {}, { DPoP })
  assert.equal(tokens.token_type, 'dpop')
  const headers = new Headers({ 'content-type': 'application/json' })
  const call = (options) =>
    client.fetchProtectedResource(
      config, tokens.access_token, new URL('/generate', gateway), 'POST', '{"prompt":"The"}', headers, options)
  assert.equal((await call({ DPoP })).status, 200)
  await assert.rejects(call())
  const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  await assert.rejects(call({ DPoP: other }))
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  assert.equal(renewed.token_type, 'dpop')
})

test('openid-client signs its request and reads a signed answer', async () => {
  added('node-signing', '--jwks', join(folder, 'jwks.json'), '--fapi2', 'message-signing')
  const method = client.PrivateKeyJwt({ key: key.privateKey, kid: 'people' })
  const config = await discovered('node-signing', { authorization_signed_response_alg: 'ES256', id_token_signed_response_alg: 'ES256' }, method)
  client.useJwtResponseMode(config)
  client.enableNonRepudiationChecks(config)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const { parameters, checks } = await request()
  const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, { key: key.privateKey, kid: 'people' })
  const object = Object.fromEntries(signed.searchParams)
  const url = await until(() => client.buildAuthorizationUrlWithPAR(config, object, { DPoP }))
  const answer = await through(url)
  assert.deepEqual([...answer.searchParams.keys()], ['response'])
  const tokens = await client.authorizationCodeGrant(config, answer, checks, {}, { DPoP })
  assert.ok(tokens.claims().sub)
})

test('oauth4webapi goes the whole way of a public app', async () => {
  added('node-public', '--public', '--native')
  const discovery = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...insecure })
  const server = await oauth.processDiscoveryResponse(issuer, discovery)
  const app = { client_id: 'node-public' }
  const { parameters, checks } = await request({ scope: 'openid generate:basic' })
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({ client_id: app.client_id, response_type: 'code', ...parameters })
  const answer = oauth.validateAuthResponse(server, app, await until(() => through(url)), checks.expectedState)
  const response = await oauth.authorizationCodeGrantRequest(
    server, app, oauth.None(), answer, back, checks.pkceCodeVerifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(server, app, response, { requireIdToken: true })
  await oauth.validateApplicationLevelSignature(server, response, insecure)
  const authorization = `Bearer ${tokens.access_token}`
  const claims = await oauth.validateJwtAccessToken(server, new Request(gateway, { headers: { authorization } }), gateway, insecure)
  assert.equal(claims.sub, oauth.getValidatedIdTokenClaims(tokens).sub)
  const refresh = (token) => oauth.refreshTokenGrantRequest(server, app, oauth.None(), token, insecure)
  const renewed = await oauth.processRefreshTokenResponse(server, app, await refresh(tokens.refresh_token))
  assert.notEqual(renewed.refresh_token, tokens.refresh_token)
})
