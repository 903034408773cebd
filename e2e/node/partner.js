// A partner's own provider, by somebody else: `node partner.js '{"port":…, "secret":…, "audience":…}'`. Its access
// tokens are JWTs for one audience; its people type any password.

import { Provider } from 'oidc-provider'

const { port, secret, audience } = JSON.parse(process.argv[2])

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'nightly-report',
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
    { client_id: 'portal', client_secret: secret, redirect_uris: ['https://app.example.com/back'] },
  ],
  claims: { openid: ['sub'], profile: ['name'] },
  cookies: { keys: ['only for tests'] },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'analytics:read dataset:read',
        audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
      }),
    },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} of Acme` }) }),
})
provider.on('server_error', (_, error) => console.error(error))
provider.listen(port, '127.0.0.1')
