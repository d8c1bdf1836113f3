// A real OpenID provider on loopback, for the accounts of the tests. Its arguments are the address people are sent back to
// and the name of this machine that it goes by; it prints its issuer and ends with its standard input.
//
// Any password does. Claims go into the ID token, and nobody is asked for consent.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';

const tools = createRequire(new URL('../../target/tools/npm/package.json', import.meta.url));
const { Provider } = tools('oidc-provider');

const lead = { tenant: 'acme', roles: ['support', 'support_lead'] };
const accounts = {
  'u-alice': { tenant: 'acme', roles: ['support'], person: 'alice' },
  'u-bob': { ...lead, person: 'bob' },
  'u-bob-2': { ...lead, person: 'bob' },
  'u-carol': { ...lead, person: 'carol' },
  'u-erin': { tenant: 'globex', roles: ['support_lead'], person: 'erin' },
  // Nobody has mapped this one to a human.
  'u-robot': lead,
};

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://${process.argv[3]}:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'support-desk-inbox',
    client_secret: 'secret-of-the-inbox',
    redirect_uris: [process.argv[2]],
  }],
  claims: { openid: ['sub', 'tenant', 'roles', 'person'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ['of a test'] },
  findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});
provider.on('server_error', (_, error) => console.error(error));
server.on('request', provider.callback());

process.stdin.resume().on('end', () => process.exit(0));
console.log(`issuer ${issuer}`);
