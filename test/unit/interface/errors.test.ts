import { describe, expect, it } from 'vitest';
import {
  CooeeError,
  ERROR_CODES,
  isCooeeError,
  isErrorCode,
  toError,
} from '../../../protocols/interface/index.ts';

describe('CooeeError', () => {
  it('takes message and remedy from its row', () => {
    const error = new CooeeError('ERR_STORAGE_DISK_FULL');
    const row = ERROR_CODES.ERR_STORAGE_DISK_FULL;
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('CooeeError');
    expect(error.message).toBe(row.meaning);
    expect(error.remedy).toBe(row.remedy);
    expect(error.retryable).toBe(true);
    expect(error.details).toEqual({});
    expect('cause' in error).toBe(false);
  });

  it('keeps what the occurrence knows better', () => {
    const cause = new Error('EIO');
    const error = new CooeeError('ERR_STORAGE_DAMAGED', 'record 7 is damaged', {
      details: { file: 'a.seg', offset: 12 },
      remedy: 'Restore a.seg.',
      cause,
    });
    expect(error.message).toBe('record 7 is damaged');
    expect(error.remedy).toBe('Restore a.seg.');
    expect(error.cause).toBe(cause);
    expect(error.retryable).toBe(false);
  });

  it('shows callers everything but the cause and the stack', () => {
    const secret = new Error('seed 1234');
    const error = new CooeeError('ERR_WIRE_RATE', 'slow down', {
      details: { peer: 'p' },
      cause: secret,
    });
    expect(JSON.parse(JSON.stringify(error.toView()))).toEqual({
      code: 'ERR_WIRE_RATE',
      message: 'slow down',
      remedy: ERROR_CODES.ERR_WIRE_RATE.remedy,
      retryable: true,
      details: { peer: 'p' },
    });
  });
});

describe('isCooeeError', () => {
  it('tells ours from others, and one code from another', () => {
    const error = new CooeeError('ERR_API_QUERY');
    expect(isCooeeError(error)).toBe(true);
    expect(isCooeeError(error, 'ERR_API_QUERY')).toBe(true);
    expect(isCooeeError(error, 'ERR_API_BODY')).toBe(false);
    expect(isCooeeError(Object.assign(new Error('x'), { code: 'ERR_API_QUERY' }))).toBe(false);
    expect(isCooeeError(undefined)).toBe(false);
  });
});

describe('isErrorCode', () => {
  it('knows the table and nothing that every object has', () => {
    expect(isErrorCode('ERR_API_QUERY')).toBe(true);
    for (const text of ['ERR_API_NONE', '', 'toString', 'constructor', '__proto__']) {
      expect(isErrorCode(text), text).toBe(false);
    }
  });
});

describe('toError', () => {
  it('passes errors on and wraps the rest without printing it', () => {
    const error = new TypeError('x');
    expect(toError(error)).toBe(error);
    expect(toError('text').message).toBe('text');
    expect(toError(new Event('abort')).message).toBe('non-error thrown: object');
    expect(toError(undefined).message).toBe('non-error thrown: undefined');
  });
});
