import { nodeCrypto } from '../../daemon/system/crypto.ts';
import { hashTuple } from '../../protocols/agent-id/index.ts';
import type { ClaimedAgent } from '../../protocols/enrolment/index.ts';

/** What must not be seen, in each form in which it could be written down. */
export const SECRET = {
  model: 'secret-model-7b',
  hostname: 'secret-hostname',
  mac: 'feedc0ffee07',
  gpu: 'Secret GPU, UUID 1234',
};

/** An agent as a claim has it, with its hash. */
export function claimed(agent: Partial<Omit<ClaimedAgent, 'hash'>> = {}): ClaimedAgent {
  const tuple = {
    model: 'm',
    hostname: 'hostile-host',
    mac: '0badc0de0001',
    gpu_id: '0',
    ...agent,
  };
  const { hash } = hashTuple(tuple, nodeCrypto.sha256);
  return { ...tuple, hash: new Uint8Array(Buffer.from(hash, 'hex')) };
}

const secretHash = claimed({
  model: SECRET.model,
  hostname: SECRET.hostname,
  mac: SECRET.mac,
}).hash;

/** Which of the secrets stand in there, in whatever form. */
export function secretsIn(bytes: Uint8Array | string): string[] {
  const buffer = Buffer.from(bytes);
  const text = buffer.toString('latin1').toLowerCase();
  const hash = Buffer.from(secretHash);
  const found = Object.values(SECRET).filter((secret) => text.includes(secret.toLowerCase()));
  if (text.includes('fe:ed:c0') || buffer.includes(Buffer.from(SECRET.mac, 'hex')))
    found.push('mac');
  if (text.includes(hash.toString('hex')) || buffer.includes(hash)) found.push('hash');
  return [...new Set(found)].sort();
}
