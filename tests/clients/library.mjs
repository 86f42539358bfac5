// openid-client, driven by the tests: a line of JSON is a question, a line of JSON is the answer.
import { createInterface } from "node:readline";

import * as client from "openid-client";

const configs = new Map();
let put = null; // members that take the place of those in the next answer of the token endpoint

async function fetching(address, options) {
  const answer = await fetch(address, options);
  if (!put || !address.endsWith("/oauth/token")) return answer;
  const changed = { ...(await answer.json()), ...put };
  put = null;
  return Response.json(changed, { status: answer.status });
}

const answered = (url, body) =>
  body ? new Request(url, { method: "POST", body: new URLSearchParams(body) }) : new URL(url);

// The claim that was not as it had to be; the library tells it below the error.
const claimIn = (error) => error && (error.claim ?? error.attribute ?? claimIn(error.cause));

const told = (tokens) => ({ ...tokens, claims: tokens.claims() });

const operations = {
  discover: async (_, { issuer, clientId, metadata, secret, switches }) => {
    const method = secret ? client.ClientSecretBasic(secret) : client.None();
    const execute = [client.allowInsecureRequests, ...switches.map((name) => client[name])];
    const options = { execute, [client.customFetch]: fetching };
    configs.set(clientId, await client.discovery(new URL(issuer), clientId, metadata, method, options));
    return configs.get(clientId).serverMetadata();
  },
  begin: async (config, { parameters }) => {
    const verifier = client.randomPKCECodeVerifier();
    const checks = {
      pkceCodeVerifier: verifier,
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
    };
    const address = client.buildAuthorizationUrl(config, {
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      ...parameters,
    });
    return { address: address.href, checks };
  },
  finish: async (config, { url, body, checks }) =>
    told(await client.authorizationCodeGrant(config, answered(url, body), checks)),
  put: (_, members) => { put = members; },
  refresh: async (config, { token }) => told(await client.refreshTokenGrant(config, token)),
  userinfo: (config, { token, sub }) => client.fetchUserInfo(config, token, sub),
  introspect: (config, { token }) => client.tokenIntrospection(config, token),
  revoke: (config, { token }) => client.tokenRevocation(config, token),
  machine: (config, parameters) => client.clientCredentialsGrant(config, parameters),
  goodbye: (config, parameters) => client.buildEndSessionUrl(config, parameters).href,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, client: id, ...parameters } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await operations[operation](configs.get(id), parameters)) ?? null };
  } catch (error) {
    answer = { error: error.error ?? claimIn(error) ?? error.code ?? error.name, message: String(error.message) };
  }
  console.log(JSON.stringify(answer));
}
