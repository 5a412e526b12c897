import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorRow } from '../../../protocols/interface/index.ts';

const rows = Object.entries<ErrorRow>(ERROR_CODES);

describe('error table', () => {
  it.each(rows)('%s can be shown to a person', (_, row) => {
    expect(row.meaning).toMatch(/^[A-Z].*\.$/s);
    expect(row.remedy.length).toBeGreaterThan(3);
    expect(row.remedy).toMatch(/^[A-Za-z]/);
    expect(row.http).toBeGreaterThanOrEqual(400);
    expect(row.http).toBeLessThan(600);
  });

  it('ends temporary errors with 6, and only those', () => {
    // Exit code 6 tells a script to try again; so does `retryable`.
    const odd = rows.filter(([, row]) => row.exit === 6 && !row.retryable).map(([code]) => code);
    expect(odd).toEqual([]);
  });

  it('has a code for a daemon that does not run, with exit 5 and how to start one', () => {
    const stopped = rows.filter(([, row]) => row.exit === 5);
    expect(stopped.map(([code]) => code)).toEqual(['ERR_API_DAEMON_NOT_RUNNING']);
    expect(stopped[0]?.[1].remedy).toContain('cooee up');
  });
});
