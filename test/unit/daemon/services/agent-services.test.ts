import { expect, it } from 'vitest';
import type { Daemon } from '../../../../daemon/daemon.ts';
import { AgentServices } from '../../../../daemon/services/agent-services.ts';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import { codeOf } from '../../slurp/mesh-world.ts';

it('a removed node neither announces nor enrols: nobody would hear it', async () => {
  const memberNode = { parts: { guard: { isOut: true }, enrolment: {}, capability: {} } };
  const daemon = { memberNode, components: { host: {} } } as unknown as Daemon;
  const services = new AgentServices(daemon, nodeCrypto);
  const wait = { committed: false, timeoutMs: 0 };
  const announced = services.announce('458RV', { status: 'busy' }, { rights: 'operator' });
  expect(await codeOf(announced)).toBe('ERR_MEMBERSHIP_REMOVED');
  const enrolled = services.enrol([{ model: 'llama3' }], wait);
  expect(await codeOf(enrolled)).toBe('ERR_MEMBERSHIP_REMOVED');
});
