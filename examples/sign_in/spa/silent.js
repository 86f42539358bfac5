// Loaded in a frame that nobody sees: hand the provider's answer to the page around it.
new oidc.UserManager({}).signinSilentCallback();
