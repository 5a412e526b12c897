import { describe, expect, it } from 'vitest';
import { asTyped, reportError } from '../../../../daemon/cli/report-error.ts';
import { CooeeError, ERROR_CODES } from '../../../../protocols/interface/index.ts';

describe('reportError', () => {
  it('speaks to people: prefix, lower case, no full stop, hint', () => {
    const error = new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
    expect(reportError(error, { json: false, command: 'npx cooee' })).toEqual({
      text:
        'cooee: no daemon answers on the socket\n' + 'cooee: hint: start one with: npx cooee up\n',
      exit: 5,
    });
  });

  it('leaves names at the beginning alone', () => {
    const error = new CooeeError('ERR_API_INTERNAL', 'ENOSPC met.', { remedy: 'UCXL it.' });
    const { text } = reportError(error, { json: false, command: 'cooee' });
    expect(text).toBe('cooee: ENOSPC met\ncooee: hint: UCXL it\n');
  });

  it('sanitises what came from elsewhere', () => {
    const error = new CooeeError('ERR_API_NOT_FOUND', 'no\u001b[31m such\nthing');
    const { text } = reportError(error, { json: false, command: 'cooee' });
    expect(text.split('\n')[0]).toBe('cooee: no such thing');
  });

  it('speaks JSON to scripts', () => {
    const error = new CooeeError('ERR_SLURP_NO_LEADER', undefined, { details: { term: 3 } });
    const { text, exit } = reportError(error, { json: true, command: 'npx cooee' });
    const row = ERROR_CODES.ERR_SLURP_NO_LEADER;
    expect(exit).toBe(6);
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 'ERR_SLURP_NO_LEADER',
        message: row.meaning,
        remedy: row.remedy,
        retryable: true,
        details: { term: 3 },
      },
    });
  });

  it('reports a fault of the program without a stack trace', () => {
    const { text, exit } = reportError(new TypeError('x is not a function'), {
      json: false,
      command: 'cooee',
    });
    expect(exit).toBe(1);
    expect(text).toContain('cooee: x is not a function\n');
    expect(text).not.toContain(' at ');
  });
});

describe('asTyped', () => {
  it('replaces commands only', () => {
    const text = 'Run cooee leave, or use cooee.sock of cooee: cooee join INVITE';
    expect(asTyped(text, 'npx cooee')).toBe(
      'Run npx cooee leave, or use cooee.sock of cooee: npx cooee join INVITE',
    );
  });
});
