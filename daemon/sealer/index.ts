/**
 * Seals and opens enrolments with age in worker threads, so that the event loop is never held up by
 * the 5-10 ms that a hybrid seal takes. Threads start with the first job and end when idle.
 *
 * @packageDocumentation
 */
export { createSealer, type SealerInit } from './pool.ts';
