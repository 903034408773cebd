// The MCP TypeScript SDK finds its way from a 401 to a call, as an agent that nobody registered.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auth, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js'
import { Visitor } from './visitor.js'

const { GATEWAY, LOGIN, PASSWORD, DOCUMENT } = process.env
const back = 'http://127.0.0.1/callback'
const endpoint = `${GATEWAY}/v1/models`

/** What an agent keeps between the steps, and where its person goes. */
class Agent {
  redirectUrl = back
  clientMetadata = {
    client_name: 'The agent',
    redirect_uris: [back],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }

  constructor(document) {
    if (document) this.clientMetadataUrl = document
  }

  state = () => 'a state'
  clientInformation = () => this.information
  saveClientInformation = (information) => { this.information = information }
  tokens = () => this.kept
  saveTokens = (tokens) => { this.kept = tokens }
  saveCodeVerifier = (verifier) => { this.verifier = verifier }
  codeVerifier = () => this.verifier
  redirectToAuthorization = (url) => { this.url = url }
}

const call = (token) => fetch(endpoint, { headers: token ? { authorization: `Bearer ${token}` } : {} })

async function getsIn(agent, registered, resource = GATEWAY) {
  const refused = await call()
  assert.equal(refused.status, 401)
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(refused)
  const where = { serverUrl: endpoint, resourceMetadataUrl, scope }
  assert.equal(await auth(agent, where), 'REDIRECT')
  assert.equal(agent.url.searchParams.get('resource'), resource)
  assert.match(agent.information.client_id, registered)

  const answer = await new Visitor().through(agent.url, back, LOGIN, PASSWORD)
  assert.equal(answer.searchParams.get('state'), 'a state')
  const authorizationCode = answer.searchParams.get('code')
  const iss = answer.searchParams.get('iss')
  assert.equal(await auth(agent, { ...where, authorizationCode, iss }), 'AUTHORIZED')
  assert.equal((await call(agent.kept.access_token)).status, 200)

  const before = agent.kept.access_token
  assert.equal(await auth(agent, where), 'AUTHORIZED', 'by its refresh token, without a person')
  assert.notEqual(agent.kept.access_token, before)
  assert.equal((await call(agent.kept.access_token)).status, 200)
}

test('by the document that its id leads to', () => getsIn(new Agent(DOCUMENT), /^https:/))

test('by registering itself', () => getsIn(new Agent(), /^cli_/))

test('by naming the resource as a URL is written: with a slash where only a host was said', () => {
  const agent = new Agent(DOCUMENT)
  agent.validateResourceURL = async (_, resource) => new URL(resource)
  return getsIn(agent, /^https:/, `${GATEWAY}/`)
})
