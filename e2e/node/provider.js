// A certified OpenID provider of somebody else's, as a company's own: `node provider.js '{"port":…}'`.

import { Provider } from 'oidc-provider'

const { port, redirect_uri, backchannel_logout_uri } = JSON.parse(process.argv[2])
const groups = { ada: ['engineers'], mallory: ['admin'] }

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'portcullis',
      client_secret: 'the secret of portcullis',
      redirect_uris: [redirect_uri],
      post_logout_redirect_uris: ['https://app.example.com/left'],
      backchannel_logout_uri,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
  cookies: { keys: ['only for tests'] },
  features: { backchannelLogout: { enabled: true } },
  // It calls nobody on this machine by itself.
  fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of the company`,
      email: `${id}@company.example`,
      email_verified: true,
      groups: groups[id] ?? [],
    }),
  }),
})
provider.on('server_error', (_, error) => console.error(error))
provider.on('backchannel.error', (_, error) => console.error(error))
provider.listen(port, '127.0.0.1')
