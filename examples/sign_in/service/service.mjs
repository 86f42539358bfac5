// A client on a server, at http://127.0.0.1:5003/: Node and openid-client.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import * as client from "openid-client";

const PROVIDER = "http://127.0.0.1:5000";
const HERE = "http://127.0.0.1:5003";

const config = await client.discovery(
  new URL(PROVIDER),
  "service",
  undefined,
  client.ClientSecretBasic(process.env.CLIENT_SECRET),
  { execute: [client.allowInsecureRequests] }, // plain http, in development alone: leave this line out
);

const sessions = new Map(); // what a real service keeps in its database

const pages = {
  "GET /": async (session) => session.claims ?? "Nobody is signed in.",

  "GET /sign-in": async (session) => {
    session.asked = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
    };
    return client.buildAuthorizationUrl(config, {
      redirect_uri: `${HERE}/callback`,
      scope: "openid profile email notes",
      code_challenge: await client.calculatePKCECodeChallenge(session.asked.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: session.asked.expectedState,
      nonce: session.asked.expectedNonce,
    });
  },

  "GET /callback": async (session, url) => {
    const { asked } = session;
    delete session.asked; // good for one answer
    session.tokens = await client.authorizationCodeGrant(config, url, asked); // checks state, nonce, iss and ID token
    const { sub } = session.tokens.claims();
    session.claims = await client.fetchUserInfo(config, session.tokens.access_token, sub);
    return new URL(HERE);
  },

  "GET /notes": async ({ tokens }) => {
    const answer = await client.fetchProtectedResource(
      config, tokens.access_token, new URL(`${PROVIDER}/api/notes`), "GET");
    return answer.json();
  },

  "GET /refresh": async (session) => {
    const { id_token, refresh_token } = session.tokens;
    // The old refresh token is used up: keep the new one. An ID token comes with it.
    session.tokens = await client.refreshTokenGrant(config, refresh_token);
    return { rotated: session.tokens.refresh_token !== refresh_token, again: session.tokens.id_token !== id_token };
  },

  "GET /introspect": async ({ tokens }) => client.tokenIntrospection(config, tokens.access_token),

  // In its own name, without a person.
  "GET /machine": async () => {
    const { access_token } = await client.clientCredentialsGrant(config, { scope: "notes" });
    return client.tokenIntrospection(config, access_token);
  },

  "GET /sign-out": async (session) => {
    const { id_token } = session.tokens;
    sessions.delete(session.id);
    return client.buildEndSessionUrl(config, { id_token_hint: id_token, post_logout_redirect_uri: `${HERE}/` });
  },
};

function sessionOf(request) {
  const id = /(?:^|; )service_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  const session = sessions.get(id) ?? { id: randomUUID() };
  return sessions.set(session.id, session).get(session.id);
}

createServer(async (request, response) => {
  const url = new URL(request.url, HERE);
  const page = pages[`${request.method} ${url.pathname}`];
  const session = sessionOf(request);
  response.setHeader("Set-Cookie", `service_session=${session.id}; HttpOnly; SameSite=Lax; Path=/`);
  response.setHeader("Content-Type", "application/json");
  try {
    const told = page ? await page(session, url) : "There is nothing here.";
    if (told instanceof URL) response.writeHead(302, { Location: told.href }).end();
    else response.writeHead(page ? 200 : 404).end(JSON.stringify(told));
  } catch (error) {
    response.writeHead(400).end(JSON.stringify({ error: error.code ?? error.message, detail: error.cause?.message }));
  }
}).listen(5003, "127.0.0.1", () => console.log(`The service is at ${HERE}/`));
