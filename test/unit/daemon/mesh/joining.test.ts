import { expect, it } from 'vitest';
import { keepAdmission } from '../../../../daemon/mesh/joining.ts';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { CooeeError, silentLogger } from '../../../../protocols/interface/index.ts';
import { codeOf } from '../../slurp/mesh-world.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

const keeping = (error: () => CooeeError | undefined) => {
  const clock = new ManualClock();
  const health = new HealthBook(silentLogger);
  const ended = new AbortController();
  const save = async (): Promise<void> => {
    const thrown = error();
    if (thrown !== undefined) throw thrown;
  };
  const kept = codeOf(keepAdmission({ clock, health }, save, ended.signal));
  return { clock, health, ended, kept };
};

it('keeps an admission as soon as the disk has room, and says what it waits for', async () => {
  let error: CooeeError | undefined = new CooeeError('ERR_STORAGE_DISK_FULL', 'no room');
  const { clock, health, kept } = keeping(() => error);
  await clock.advance(60_000);
  expect(health.list()).toMatchObject([
    { code: 'joining', severity: 'error', text: expect.stringContaining('no room') },
  ]);
  expect(health.list()[0]?.remedy).toMatch(/room/);
  error = undefined;
  await clock.advance(1_000);
  expect([await kept, health.list()]).toEqual(['ok', []]);
});

it('does not wait for a disk that fails otherwise, nor when the daemon stops', async () => {
  const broken = keeping(() => new CooeeError('ERR_STORAGE_IO'));
  expect(await broken.kept).toBe('ERR_STORAGE_IO');
  const full = keeping(() => new CooeeError('ERR_STORAGE_DISK_FULL'));
  await full.clock.advance(1_500);
  full.ended.abort(new CooeeError('ERR_API_STARTING'));
  expect(await full.kept).toBe('ERR_API_STARTING');
});
