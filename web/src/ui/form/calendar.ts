// The calendar of forms (flatpickr, which form-js brings along) in the reader's language: days and months as the browser says them.

import flatpickr from 'flatpickr';
import { speech, t } from '../../i18n/index.svelte';

const week = Array.from({ length: 7 }, (_, day) => Date.UTC(2023, 0, 1 + day));
const year = Array.from({ length: 12 }, (_, month) => Date.UTC(2023, month, 1));

/** Has calendars that are made from now on speak the reader's language; weeks begin on Monday. */
export function speakCalendar(): void {
  const said = (dates: number[], style: Intl.DateTimeFormatOptions): string[] => {
    const format = new Intl.DateTimeFormat(speech.locale, { ...style, timeZone: 'UTC' });
    return dates.map((date) => format.format(date));
  };
  const names = {
    weekdays: { shorthand: said(week, { weekday: 'short' }), longhand: said(week, { weekday: 'long' }) },
    months: { shorthand: said(year, { month: 'short' }), longhand: said(year, { month: 'long' }) },
  } as unknown as Pick<flatpickr.CustomLocale, 'weekdays' | 'months'>;
  flatpickr.localize({ ...names, firstDayOfWeek: 1, yearAriaLabel: t('ui.year'), monthAriaLabel: t('ui.month') });
  flatpickr.setDefaults({ ariaDateFormat: speech.language === 'zh' ? 'Y年Fj日' : 'j F Y' });
}
