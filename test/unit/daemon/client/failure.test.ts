import { describe, expect, it } from 'vitest';
import { fromTransport } from '../../../../daemon/client/failure.ts';

const failed = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('fromTransport', () => {
  it.each([
    ['nobody listens', 'ECONNREFUSED', 'ERR_API_DAEMON_NOT_RUNNING'],
    ['a home whose links lead in a circle', 'ELOOP', 'ERR_API_DAEMON_NOT_RUNNING'],
    ['a socket of somebody else', 'EACCES', 'ERR_API_FORBIDDEN'],
    ['a daemon that hangs, with a full row of callers', 'EAGAIN', 'ERR_API_TIMEOUT'],
  ])('%s', (_, system, code) => {
    expect(fromTransport(failed(system), '/h/cooee.sock')).toMatchObject({
      code,
      details: { socketPath: '/h/cooee.sock' },
    });
  });

  it('leaves alone what it does not know', () => {
    const error = failed('EWHATEVER');
    expect(fromTransport(error, '/h/cooee.sock')).toBe(error);
  });
});
