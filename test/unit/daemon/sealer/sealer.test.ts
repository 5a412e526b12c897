import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption';
import { afterEach, describe, expect, it } from 'vitest';
import { createSealer } from '../../../../daemon/sealer/index.ts';
import { systemClock } from '../../../../daemon/system/clock.ts';
import { countStanzas } from '../../../../protocols/enrolment/age-header.ts';
import { type Clock, LIMITS, silentLogger } from '../../../../protocols/interface/index.ts';

// Goal: what is sealed here opens here and nowhere else, one recipient always, and neither floods
// nor garbage stop it.

type Pool = ReturnType<typeof createSealer>;
const pools: Pool[] = [];

async function startPool(identities: readonly string[], more: object = {}): Promise<Pool> {
  const pool = createSealer({ identities, clock: systemClock, logger: silentLogger, ...more });
  pools.push(pool);
  await pool.start();
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.stop()));
});

const code = (code: string) => expect.objectContaining({ code });
const text = new TextEncoder().encode('agents of alpha-node');

describe.each([
  ['hybrid', generateHybridIdentity],
  ['X25519', generateX25519Identity],
])('%s', (_name, generate) => {
  it('opens what it sealed, with one stanza, opaque in between', async () => {
    const identity = await generate();
    const pool = await startPool([identity], { threads: 2 });
    const sealed = await pool.seal(await identityToRecipient(identity), text);
    expect(countStanzas(sealed)).toBe(1);
    expect(Buffer.from(sealed).includes('alpha')).toBe(false);
    expect(await pool.open(sealed)).toEqual(text);
    const other = new Decrypter();
    other.addIdentity(identity);
    expect(await other.decrypt(sealed)).toEqual(text);
  });

  it('refuses two stanzas, another recipient, a flipped bit, garbage and nothing', async () => {
    const [identity, stranger] = [await generate(), await generate()];
    const pool = await startPool([identity]);
    const recipient = await identityToRecipient(identity);
    const twofold = new Encrypter();
    twofold.addRecipient(recipient);
    twofold.addRecipient(await identityToRecipient(stranger));
    const both = await twofold.encrypt(text);
    await expect(pool.open(both)).rejects.toEqual(code('ERR_ENROLMENT_RECIPIENTS'));
    const foreign = await pool.seal(await identityToRecipient(stranger), text);
    await expect(pool.open(foreign)).rejects.toEqual(code('ERR_ENROLMENT_CIPHERTEXT'));
    const flipped = await pool.seal(recipient, text);
    flipped[flipped.length - 1]! ^= 1;
    await expect(pool.open(flipped)).rejects.toEqual(code('ERR_ENROLMENT_CIPHERTEXT'));
    for (const garbage of [new Uint8Array(0), new Uint8Array(3_000).fill(7)]) {
      await expect(pool.open(garbage)).rejects.toEqual(code('ERR_ENROLMENT_CIPHERTEXT'));
    }
    const large = new Uint8Array(LIMITS.enrolmentSealedBytesMax + 1);
    await expect(pool.open(large)).rejects.toEqual(code('ERR_ENROLMENT_TOO_LARGE'));
  });
});

describe('the pool', () => {
  it('seals only to age recipients', async () => {
    const pool = await startPool([await generateX25519Identity()]);
    for (const recipient of [
      '',
      'age1',
      'age1!!',
      'age1tag1qqqq',
      'age1pq1qqqq',
      'ssh-ed25519 A',
    ]) {
      await expect(pool.seal(recipient, text)).rejects.toEqual(code('ERR_ENROLMENT_RECIPIENTS'));
    }
  });

  it('refuses what does not fit the queue, and serves the rest', async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const pool = await startPool([identity], { queueMax: 3 });
    const jobs = Array.from({ length: 6 }, () => pool.seal(recipient, text));
    const settled = await Promise.allSettled(jobs);
    const refused = settled.filter((job) => job.status === 'rejected');
    expect(settled.slice(0, 4).every((job) => job.status === 'fulfilled')).toBe(true);
    expect(refused.map((job) => job.reason.code)).toEqual(['ERR_API_BUSY', 'ERR_API_BUSY']);
  });

  it('answers a typed error when its thread ends, and starts another', async () => {
    // An identity that the library does not take ends the thread as it starts.
    const broken = await startPool(['not an identity']);
    const recipient = await identityToRecipient(await generateX25519Identity());
    const jobs = [broken.seal(recipient, text), broken.seal(recipient, text)];
    for (const job of await Promise.allSettled(jobs)) {
      expect(job).toMatchObject({ status: 'rejected', reason: { code: 'ERR_API_INTERNAL' } });
    }
    const identity = await generateX25519Identity();
    const slow = await startPool([identity], { jobTimeoutMs: 0 });
    await expect(slow.seal(recipient, text)).rejects.toEqual(code('ERR_API_INTERNAL'));
    await expect(slow.seal(recipient, text)).rejects.toEqual(code('ERR_API_INTERNAL'));
  });

  it('answers a typed error when it gets no thread, and keeps no job of it', async () => {
    // What cannot be cloned keeps a thread from being made, as a limit of the system does.
    const none = await startPool([(() => 'an identity') as never], { queueMax: 2 });
    const recipient = await identityToRecipient(await generateX25519Identity());
    for (let n = 0; n < 4; n += 1) {
      await expect(none.seal(recipient, text)).rejects.toEqual(code('ERR_API_INTERNAL'));
    }
  });

  it('ends idle threads and starts anew', async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const idle: (() => void)[] = [];
    // Only the idle timer has this delay: the test decides when it fires.
    const clock: Clock = {
      ...systemClock,
      schedule(delayMs, task) {
        if (delayMs !== 4_321) return systemClock.schedule(delayMs, task);
        idle.push(task);
        return { cancel: () => undefined };
      },
    };
    const pool = await startPool([identity], { idleMs: 4_321, clock });
    for (let round = 0; round < 3; round += 1) {
      expect(await pool.open(await pool.seal(recipient, text))).toEqual(text);
      await expect.poll(() => idle.length).toBeGreaterThan(0);
      idle.splice(0).at(-1)?.();
    }
  });

  it('refuses before it was started and after it was stopped', async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const pool = createSealer({ identities: [identity], clock: systemClock, logger: silentLogger });
    await expect(pool.seal(recipient, text)).rejects.toEqual(code('ERR_API_STARTING'));
    await pool.start();
    const running = pool.seal(recipient, text);
    await Promise.all([expect(running).rejects.toHaveProperty('code'), pool.stop()]);
    await expect(pool.seal(recipient, text)).rejects.toEqual(code('ERR_API_STARTING'));
    await pool.stop();
  });
});
