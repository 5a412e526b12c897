const DAY_MS = 86_400_000;
const pad = (value: number, digits: number): string => String(value).padStart(digits, '0');

/**
 * ISO 8601 in UTC with milliseconds, years 1970 to 9999. Out of arithmetic alone (days to civil
 * date as in https://howardhinnant.github.io/date_algorithms.html#civil_from_days), since protocols
 * know no system clock.
 */
export function formatIsoTime(timeMs: number): string {
  const days = Math.floor(timeMs / DAY_MS);
  const { year, month, day } = civilDate(days);
  const rest = timeMs - days * DAY_MS;
  const hours = pad(Math.floor(rest / 3_600_000), 2);
  const minutes = pad(Math.floor(rest / 60_000) % 60, 2);
  const seconds = pad(Math.floor(rest / 1000) % 60, 2);
  const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return `${date}T${hours}:${minutes}:${seconds}.${pad(Math.floor(rest % 1000), 3)}Z`;
}

/**
 * Years begin in March here, so that the leap day is the last of its year; an era has 400 years.
 */
function civilDate(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leapDays =
    Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const yearStart = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - yearStart;
  const march = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * march + 2) / 5) + 1;
  const month = march < 10 ? march + 3 : march - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
