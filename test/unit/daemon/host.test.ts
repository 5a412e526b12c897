// A host that was given a name keeps it over starts that do not say it again.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Host } from '../../../daemon/host.ts';
import { HealthBook } from '../../../daemon/system/health.ts';
import { silentLogger } from '../../../protocols/interface/index.ts';
import type { Home } from '../../../storage/home.ts';

import { temporaryFolders } from '../storage/temporary-folder.ts';
import { ManualClock } from '../wire/manual-clock.ts';

const temporaryFolder = temporaryFolders();
const MAC = '02:00:00:00:00:01';

function hostIn(folder: string, flags: { hostname?: string; mac?: string }): Host {
  const home = { file: (name: string) => join(folder, name) } as Home;
  const health = new HealthBook(silentLogger);
  const components = { home, health, clock: new ManualClock(), logger: silentLogger };
  return new Host(components, { config: { enrol: 'manual', models: [] }, ...flags });
}

it('knows the hostname that was typed before the first enrolment', async () => {
  const folder = await temporaryFolder();
  const first = hostIn(folder, { hostname: 'Beta', mac: MAC });
  expect(await first.givenHostname()).toBeUndefined();
  await first.want([]);
  const later = hostIn(folder, {});
  expect(await later.givenHostname()).toBe('beta');
  expect(await later.identity()).toMatchObject({ hostname: 'beta', mac: '020000000001' });
});

it('names no hostname that came from the system', async () => {
  const folder = await temporaryFolder();
  const host = hostIn(folder, { mac: MAC });
  await host.want([]);
  expect(await host.givenHostname()).toBeUndefined();
});
