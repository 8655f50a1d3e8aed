// An OpenID provider that others wrote, on the port that is named: any name logs in, with any password.

import Provider from "oidc-provider";

const port = Number(process.env.PORT);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "backstay-tests",
      client_secret: "the secret of the tests' client",
      redirect_uris: [process.env.REDIRECT_URI],
      token_endpoint_auth_method: process.env.AUTHENTICATION,
      id_token_signed_response_alg: process.env.ALGORITHM,
    },
  ],
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "preferred_username"],
  },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "PS256", "EdDSA"] },
  jwks: { keys: JSON.parse(process.env.KEYS) },
  pkce: { required: () => true },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `${id} of the provider` }),
  }),
});

provider.listen(port, "127.0.0.1", () => console.log("ready"));
