import { expect, it } from 'vitest';
import { CooeeError } from '../../../protocols/interface/index.ts';
import { ToldOnce } from '../../../protocols/slurp/told-once.ts';

it('tells each kind of failure once, and again after it was over', () => {
  const told = new ToldOnce();
  const full = () => new CooeeError('ERR_STORAGE_DISK_FULL');
  const failures = [full(), full(), new CooeeError('ERR_STORAGE_IO'), full(), 'text', new Error()];
  const news = [true, false, true, false, true, false];
  expect(failures.map((error) => told.isNews(error))).toEqual(news);
  told.over();
  expect(told.isNews(full())).toBe(true);
});
