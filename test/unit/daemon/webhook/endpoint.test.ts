import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { secretBytes } from '../../../../daemon/config/webhooks.ts';
import { sign } from '../../../../daemon/webhook/endpoint.ts';
import { endpointOf } from './fixture.ts';

/** The vector that the reference libraries of Standard Webhooks are tested with. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const BODY = '{"test": 2432232314}';
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

describe('sign', () => {
  it('gives the signature of the vector of Standard Webhooks', () => {
    const secret = secretBytes(SECRET) ?? new Uint8Array();
    expect(sign(secret, `${ID}.1614265330.${BODY}`)).toBe(SIGNATURE);
  });
});

describe('Endpoint', () => {
  it('gives the three headers, the time in whole seconds', () => {
    const endpoint = endpointOf({ secret: secretBytes(SECRET) ?? new Uint8Array() });
    expect(endpoint.headersOf({ id: ID, body: BODY, atMs: 1_614_265_330_999 })).toEqual({
      'webhook-id': ID,
      'webhook-timestamp': '1614265330',
      'webhook-signature': SIGNATURE,
    });
  });

  it('shows neither URL nor secret, however it is printed', () => {
    const endpoint = endpointOf({
      url: 'https://example.com/hook-of-ours',
      secret: new TextEncoder().encode('a secret of thirty-two bytes ....'),
    });
    for (const shown of [JSON.stringify(endpoint), inspect(endpoint, { showHidden: true })]) {
      expect(shown).toContain('ops');
      expect(shown).not.toMatch(/example|hook-of-ours|97, 32, 115|a secret/);
    }
  });
});
