import { beforeEach, describe, expect, it } from 'vitest';
import { CooeeError, type ErrorCode } from '../../../protocols/interface/index.ts';
import {
  type CommandKind,
  type Decided,
  registerStart,
  type Submitted,
} from '../../../protocols/slurp/index.ts';
import { type RecordLogger, recordLogger } from '../storage/record-logger.ts';
import { ManualClock } from '../wire/manual-clock.ts';

const BODY = {
  boot: 2,
  bootNonce: '0'.repeat(32),
  name: 'here',
  addresses: [],
  levels: [1, 1] as [number, number],
};
const GOOD: Decided = { index: 7, outcome: { ok: true } };

/** An outbox that does with each command in turn as a test says; the last goes for all others. */
class TestOutbox {
  readonly taken: CommandKind[] = [];
  answers: readonly (ErrorCode | Decided)[] = [GOOD];

  submit(kind: CommandKind): Submitted {
    const answer = this.answers[Math.min(this.taken.length, this.answers.length - 1)] ?? GOOD;
    this.taken.push(kind);
    if (answer === 'ERR_SLURP_OUTBOX_FULL') throw new CooeeError(answer);
    const decided = new Promise<Decided>((resolve) => {
      if (typeof answer !== 'string') resolve(answer);
    });
    const accepted =
      typeof answer === 'string' ? Promise.reject(new CooeeError(answer)) : Promise.resolve();
    return { id: 'id', accepted, decided };
  }
}

describe('registerStart', () => {
  let clock: ManualClock;
  let outbox: TestOutbox;
  let logger: RecordLogger;
  let stopped: AbortController;

  beforeEach(() => {
    clock = new ManualClock();
    outbox = new TestOutbox();
    logger = recordLogger();
    stopped = new AbortController();
  });

  const run = (): Promise<void> =>
    registerStart({ outbox: outbox as never, clock, logger }, BODY, stopped.signal);

  it('hands it in once, and waits for the word on it', async () => {
    await run();
    expect(outbox.taken).toEqual(['member.boot']);
    expect(clock.timerCount).toBe(0);
  });

  it.each(['ERR_STORAGE_DISK_FULL', 'ERR_STORAGE_IO', 'ERR_SLURP_OUTBOX_FULL'] as const)(
    'goes on after %s, and says so once',
    async (code) => {
      outbox.answers = [code, code, GOOD];
      const running = run();
      await clock.advance(1_000);
      expect(outbox.taken).toHaveLength(2);
      await clock.advance(1_999);
      expect(outbox.taken).toHaveLength(2);
      await clock.advance(1);
      await running;
      expect(outbox.taken).toHaveLength(3);
      const said = logger.lines.filter(({ level }) => level === 'warn');
      expect(said.map(({ message }) => message)).toEqual(['this start cannot be registered yet']);
    },
  );

  it('tries twice a minute at least, however long it lasts', async () => {
    outbox.answers = ['ERR_STORAGE_DISK_FULL'];
    const running = run();
    const ended = expect(running).rejects.toMatchObject({ code: 'ERR_API_STARTING' });
    await clock.advance(60_000);
    const before = outbox.taken.length;
    await clock.advance(300_000);
    expect(outbox.taken).toHaveLength(before + 10);
    stopped.abort(new CooeeError('ERR_API_STARTING'));
    await ended;
  });

  it.each(['ERR_MEMBERSHIP_CLONE', 'ERR_SLURP_COMMAND'] as const)('ends at %s', async (code) => {
    outbox.answers = [code];
    await expect(run()).rejects.toMatchObject({ code });
    outbox.answers = [{ error: new CooeeError(code) } as Decided];
    await expect(run()).rejects.toMatchObject({ code });
    expect(outbox.taken).toHaveLength(2);
  });

  it('ends with the node', async () => {
    outbox.answers = ['ERR_STORAGE_DISK_FULL'];
    const running = run();
    const ended = expect(running).rejects.toMatchObject({ code: 'ERR_API_STARTING' });
    await clock.advance(500);
    stopped.abort(new CooeeError('ERR_API_STARTING'));
    await ended;
    await clock.advance(5_000);
    expect(outbox.taken).toHaveLength(1);
  });
});
