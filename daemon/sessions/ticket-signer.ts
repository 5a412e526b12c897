import type { PrivateKey } from '@libp2p/interface';
import type { CryptoKey } from 'jose';
import { TICKET_ALGORITHM, TICKET_TYPE, type TicketClaims } from './ticket-rules.ts';

const SEED_BYTES = 32;

/** Makes and checks the signatures of tickets. */
export interface TicketSigner {
  /** The ticket as it is handed out. */
  sign(claims: TicketClaims): Promise<string>;
  /** Whether this node signed it, exactly as it stands. Never throws. */
  verify(ticket: string): Promise<boolean>;
}

/**
 * Signs with the key of the node (RFC 8037). What a ticket signs begins with the text of its
 * header, `eyJ`; everything else that this key signs begins with a prefix of its own.
 */
export function createTicketSigner(key: PrivateKey): TicketSigner {
  // With the first ticket: the library takes 18 MB, and most daemons at rest have none.
  let loading: ReturnType<typeof load> | undefined;
  const loaded = () => {
    loading ??= load(key);
    return loading;
  };
  return {
    sign: async (claims) => {
      const { jose, privateKey } = await loaded();
      return await new jose.SignJWT(claims)
        .setProtectedHeader({ alg: TICKET_ALGORITHM, typ: TICKET_TYPE, kid: claims.iss })
        .sign(privateKey);
    },
    verify: async (ticket) => {
      const { jose, publicKey } = await loaded();
      try {
        await jose.compactVerify(ticket, publicKey, { algorithms: [TICKET_ALGORITHM] });
        return true;
      } catch {
        return false; // whatever is wrong with it, this node did not sign it
      }
    },
  };
}

/** The library, and both halves of the key as it takes them. */
async function load(key: PrivateKey) {
  const jose = await import('jose');
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(key.publicKey.raw) };
  const seed = base64url(key.raw.slice(0, SEED_BYTES));
  const [publicKey, privateKey] = await Promise.all([
    jose.importJWK({ ...jwk }, TICKET_ALGORITHM) as Promise<CryptoKey>,
    jose.importJWK({ ...jwk, d: seed }, TICKET_ALGORITHM) as Promise<CryptoKey>,
  ]);
  return { jose, publicKey, privateKey };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
