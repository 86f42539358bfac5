// The data set of node-oidc-provider: what its models keep, as JSON.
import { createHash, randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';

import { open, SCHEMA } from './store.mjs';

const [url, count, facts] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const CLIENT_SECRET = 'nS5vYcQ8eBfW2kLx7RgTzH3mJp9DaUiK4oVtE6wXyZ1CqGhN';
const REDIRECT_URI = 'https://client.example/cb';
const FAR = 4102444800;
const BEGUN = 1760000000;
const CLIENTS = 100;
const users = Math.max(100, Math.floor(count / 10));
const grants = Math.max(100, Math.floor(count / 5));

for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(url.replace('sqlite:///', '') + ending, { force: true });
const database = open(url);
database.pragma('journal_mode = OFF');
database.pragma('cache_size = -4000000');
database.exec(SCHEMA);
const insert = database.prepare(
  'INSERT INTO artifact (model, id, payload, grant_id, expires_at) VALUES (?, ?, ?, ?, ?)');
const people = database.prepare('INSERT INTO person (id, name) VALUES (?, ?)');

const clientName = (number) => (number % CLIENTS === 0 ? 'bench' : `client${number % CLIENTS + 1}`);
const idOf = (kind, number) => createHash('sha256').update(`${kind}${number}`).digest('base64url');

function keep(model, id, grantId, content) {
  const payload = { iat: BEGUN, exp: FAR, kind: model, jti: id, ...content };
  insert.run(model, id, JSON.stringify(payload), grantId, FAR);
}

database.transaction(() => {
  for (let number = 1; number <= users; number += 1) people.run(number, `Person ${number}`);
  for (let number = 0; number < CLIENTS; number += 1) {
    insert.run('Client', clientName(number), JSON.stringify({
      client_id: clientName(number), client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic', scope: 'read',
    }), null, null);
  }
  for (let number = 1; number <= grants; number += 1) {
    keep('Grant', idOf('grant', number), null, {
      accountId: String(number % users + 1), clientId: clientName(number), openid: { scope: 'read' },
    });
  }
})();

const presented = new Set();
while (presented.size < Math.min(1000, count)) presented.add(Math.floor(Math.random() * count));
const tokens = [];
database.transaction(() => {
  for (let number = 0; number < count; number += 1) {
    const grant = number % grants + 1;
    const id = presented.has(number) ? randomBytes(32).toString('base64url') : idOf('token', number);
    if (presented.has(number)) tokens.push(id);
    keep('AccessToken', id, idOf('grant', grant), {
      accountId: String(grant % users + 1), clientId: clientName(grant), grantId: idOf('grant', grant),
      gty: 'authorization_code', scope: 'read',
    });
  }
})();
database.exec('ANALYZE');
database.pragma('journal_mode = WAL');
database.pragma('wal_checkpoint(TRUNCATE)');
database.close();
writeFileSync(facts, JSON.stringify({ tokens }));
