// SQLite, with the pragmas that all targets have, and the adapter that the provider asks for.
import Database from 'better-sqlite3';

export const SCHEMA = `
  CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE artifact (
    model TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL,
    grant_id TEXT, uid TEXT, user_code TEXT, expires_at INTEGER, consumed_at INTEGER,
    PRIMARY KEY (model, id)
  ) WITHOUT ROWID;
  CREATE INDEX artifact_grant ON artifact (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX artifact_uid ON artifact (uid) WHERE uid IS NOT NULL;
  CREATE INDEX artifact_user_code ON artifact (user_code) WHERE user_code IS NOT NULL;
`;

export function open(url) {
  const database = new Database(url.replace('sqlite:///', ''));
  database.pragma('synchronous = NORMAL');
  database.pragma('foreign_keys = ON');
  return database;
}

const now = () => Math.floor(Date.now() / 1000);

export function adapterOf(database) {
  const found = 'SELECT payload, expires_at, consumed_at FROM artifact WHERE';
  const statements = {
    find: database.prepare(`${found} model = ? AND id = ?`),
    findByUid: database.prepare(`${found} uid = ? AND model = ?`),
    findByUserCode: database.prepare(`${found} user_code = ? AND model = ?`),
    upsert: database.prepare(`
      INSERT INTO artifact (model, id, payload, grant_id, uid, user_code, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
        uid = excluded.uid, user_code = excluded.user_code, expires_at = excluded.expires_at`),
    consume: database.prepare('UPDATE artifact SET consumed_at = ? WHERE model = ? AND id = ?'),
    destroy: database.prepare('DELETE FROM artifact WHERE model = ? AND id = ?'),
    revoke: database.prepare('DELETE FROM artifact WHERE grant_id = ?'),
  };

  const read = (row) => {
    if (!row || (row.expires_at !== null && row.expires_at <= now())) return undefined;
    const payload = JSON.parse(row.payload);
    return row.consumed_at === null ? payload : { ...payload, consumed: row.consumed_at };
  };

  return class {
    constructor(model) {
      this.model = model;
    }

    async find(id) {
      return read(statements.find.get(this.model, id));
    }

    async findByUid(uid) {
      return read(statements.findByUid.get(uid, this.model));
    }

    async findByUserCode(code) {
      return read(statements.findByUserCode.get(code, this.model));
    }

    async upsert(id, payload, expiresIn) {
      const end = expiresIn ? now() + expiresIn : null;
      const { grantId = null, uid = null, userCode = null } = payload;
      statements.upsert.run(this.model, id, JSON.stringify(payload), grantId, uid, userCode, end);
    }

    async consume(id) {
      statements.consume.run(now(), this.model, id);
    }

    async destroy(id) {
      statements.destroy.run(this.model, id);
    }

    async revokeByGrantId(grantId) {
      statements.revoke.run(grantId);
    }
  };
}
