import { expect, it } from 'vitest';
import { silentLogger } from '../../../protocols/interface/index.ts';

it('says nothing at any level, as its children do', () => {
  const child = silentLogger.child('cooee:wire:gossip');
  for (const logger of [silentLogger, child]) {
    for (const level of ['error', 'warn', 'info', 'debug'] as const) {
      expect(logger[level]({ a: 1 }, 'text')).toBeUndefined();
    }
  }
});
