// A client in the browser, at http://127.0.0.1:5002/: it has no secret, and no server of its own.
const PROVIDER = "http://127.0.0.1:5000";
const HERE = new URL(".", location.href).href;

const manager = new oidc.UserManager({
  authority: PROVIDER, // from whose discovery document it takes all addresses
  client_id: "spa",
  redirect_uri: HERE,
  post_logout_redirect_uri: HERE,
  silent_redirect_uri: `${HERE}silent.html`,
  scope: "openid profile email notes",
  loadUserInfo: true,
  automaticSilentRenew: true, // a minute before the access token ends
});

const element = (id) => document.getElementById(id);
const show = (value) => (element("shown").textContent = JSON.stringify(value, null, 2));

async function refresh() {
  const user = await manager.getUser();
  element("status").textContent = user ? `Hello, ${user.profile.name}!` : "You are not signed in.";
  element("sign-in").hidden = Boolean(user);
  for (const id of ["call", "renew", "sign-out"]) element(id).hidden = !user;
  show(user ? user.profile : {});
}

async function call() {
  const { access_token } = await manager.getUser();
  const answer = await fetch(`${PROVIDER}/api/notes`, { headers: { Authorization: `Bearer ${access_token}` } });
  show({ status: answer.status, ...(await answer.json()) });
}

async function renew() {
  const before = await manager.getUser();
  const user = await manager.signinSilent(); // by a refresh token if there is one, else by prompt=none in a frame
  show({ renewed: user.access_token !== before.access_token, sub: user.profile.sub });
}

const complain = (error) => show({ error: error.error ?? error.name, message: error.message });
const run = (action) => () => action().catch(complain);

element("sign-in").onclick = run(() => manager.signinRedirect()); // with state and a PKCE challenge
element("call").onclick = run(call);
element("renew").onclick = run(renew);
element("sign-out").onclick = run(() => manager.signoutRedirect());

const answer = new URLSearchParams(location.search);
try {
  if (answer.has("code") || answer.has("error")) await manager.signinCallback();
  else if (answer.has("state")) await manager.signoutCallback();
  await refresh();
} catch (error) {
  await refresh();
  complain(error);
}
history.replaceState({}, "", HERE);
