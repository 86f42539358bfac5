// node-oidc-provider on SQLite, with two views of an API beside it.
import http from 'node:http';

import { Provider } from 'oidc-provider';

import { adapterOf, open } from './store.mjs';

const SCOPE = 'read';
const USER_ID = '1';
const port = Number(process.argv[2]);
const database = open(process.env.BENCH_DATABASE);
const person = database.prepare('SELECT id, name FROM person WHERE id = ?');

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: adapterOf(database),
  cookies: { keys: ['a secret of the benchmark'] },
  scopes: [SCOPE],
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 3600, Grant: 365 * 86400,
    Interaction: 3600, RefreshToken: 30 * 86400, Session: 14 * 86400 },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(ctx, id) {
    const row = person.get(id);
    return row && { accountId: String(row.id), claims: async () => ({ sub: String(row.id) }) };
  },
  async loadExistingGrant(ctx) {
    const { client, session, provider: own } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    const kept = known && await own.Grant.find(known);
    if (kept) return kept;
    const grant = new own.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(SCOPE);
    await grant.save();
    return grant;
  },
});
const protocol = provider.callback();

function answer(response, status, content) {
  const body = JSON.stringify(content);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer error="invalid_token"';
  response.writeHead(status, headers).end(body);
}

async function letIn(request) {
  const [scheme, value] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'bearer' || !value) return undefined;
  const token = await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value);
  if (!token?.isValid || !token.scopes.has(SCOPE)) return undefined;
  if (!await provider.Client.find(token.clientId)) return undefined;
  const grant = token.grantId && await provider.Grant.find(token.grantId);
  return token.grantId && !grant?.isValid ? undefined : token;
}

async function api(request, response) {
  const token = await letIn(request);
  if (!token) return answer(response, 401, { error: 'invalid_token' });
  const user = token.accountId === undefined ? null : Number(token.accountId);
  if (request.url === '/api/ping') return answer(response, 200, { user, client: token.clientId });
  return answer(response, 200, { user, name: person.get(user).name, client: token.clientId });
}

http.createServer(async (request, response) => {
  try {
    if (request.url.startsWith('/api/')) await api(request, response);
    else if (request.url.startsWith('/interaction/')) {
      await provider.interactionFinished(request, response, { login: { accountId: USER_ID } });
    } else protocol(request, response);
  } catch (error) {
    console.error(error);
    answer(response, 500, { error: 'server_error' });
  }
}).listen(port, '127.0.0.1');
