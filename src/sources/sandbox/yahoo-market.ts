/**
 * A made-up market: twelve indices and six funds, their sessions and prices, for any moment.
 *
 * 1. A price depends on (seed, symbol, moment) alone: a bar that is over never changes.
 * 2. A session is a weekday of its exchange's calendar, from its opening to its close by the clock of its
 *    zone, summer time included. New Year's Day and Christmas Day have none.
 * 3. Highs and lows are taken at SAMPLES moments of a bar.
 */
import { zoneOffset } from '../../kernel/calendar.js';
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { localDay } from '../stock-index-zones.js';
import { hashText, unit } from './hash.js';

const SAMPLES = 12;
/** The first day there is. */
const FIRST_DAY = Date.UTC(2000, 0, 3);
/** Lengths of the waves that make a price, in minutes, and how high each is, in shares of volatility. */
const WAVES: readonly (readonly [minutes: number, height: number])[] = [
  [250 * 1440, 12],
  [40 * 1440, 5],
  [7 * 1440, 2],
  [1440, 0.7],
  [120, 0.25],
  [9, 0.07],
];

export type Instrument = {
  readonly symbol: string;
  readonly level: number;
  /** How much it moves in a day, as a share. */
  readonly volatility: number;
  readonly zone: string;
  /** Minutes of the local day. */
  readonly opens: number;
  readonly closes: number;
  readonly currency: string;
  readonly exchange: string;
  readonly name: string;
};

type Place = Pick<Instrument, 'zone' | 'opens' | 'closes' | 'currency' | 'exchange'>;
const place = (
  zone: string,
  opens: string,
  closes: string,
  currency: string,
  exchange: string,
): Place => {
  const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { zone, opens: minutes(opens), closes: minutes(closes), currency, exchange };
};
const NEW_YORK = place('America/New_York', '09:30', '16:00', 'USD', 'SNP');
const LONDON = place('Europe/London', '08:00', '16:30', 'GBP', 'FGI');
const FRANKFURT = place('Europe/Berlin', '09:00', '17:30', 'EUR', 'GER');
const TOKYO = place('Asia/Tokyo', '09:00', '15:30', 'JPY', 'OSA');
const HONG_KONG = place('Asia/Hong_Kong', '09:30', '16:00', 'HKD', 'HKG');
const SHANGHAI = place('Asia/Shanghai', '09:30', '15:00', 'CNY', 'SHH');
const SAO_PAULO = place('America/Sao_Paulo', '10:00', '17:00', 'BRL', 'SAO');

const one = (
  symbol: string,
  name: string,
  level: number,
  percent: number,
  at: Place,
): Instrument => ({
  symbol,
  name,
  level,
  volatility: percent / 100,
  ...at,
});

/** The indices of semantics §7. Levels are of the right size, no more. */
export const INSTRUMENTS: readonly Instrument[] = [
  one('^GSPC', 'S&P 500', 6000, 1, NEW_YORK),
  one('^IXIC', 'NASDAQ Composite', 19_500, 1.3, NEW_YORK),
  one('^VIX', 'CBOE Volatility Index', 17, 6, NEW_YORK),
  one('^DJI', 'Dow Jones Industrial Average', 44_000, 0.9, NEW_YORK),
  one('^RUT', 'Russell 2000 Index', 2250, 1.4, NEW_YORK),
  one('^TNX', 'CBOE Interest Rate 10 Year T No', 4.3, 1.5, NEW_YORK),
  one('^FTSE', 'FTSE 100', 8600, 0.8, LONDON),
  one('^GDAXI', 'DAX P', 22_000, 1, FRANKFURT),
  one('^N225', 'Nikkei 225', 39_000, 1.2, TOKYO),
  one('^HSI', 'HANG SENG INDEX', 22_500, 1.4, HONG_KONG),
  one('000001.SS', 'SSE Composite Index', 3350, 0.9, SHANGHAI),
  one('^BVSP', 'IBOVESPA', 128_000, 1.1, SAO_PAULO),
];
/** Funds, by the index they follow: a tenth or so of its level. */
export const FUND_OF: readonly (readonly [symbol: string, index: string, share: number])[] = [
  ['SPY', '^GSPC', 0.1],
  ['ONEQ', '^IXIC', 0.004],
  ['DIA', '^DJI', 0.01],
  ['IWM', '^RUT', 0.1],
  ['ISF.LON', '^FTSE', 0.1],
  ['EXS1.DEX', '^GDAXI', 0.008],
];

/** The logarithm of a price, against its level. */
function wave(seed: number, minute: number): number {
  let sum = 0;
  for (const [index, [length, height]] of WAVES.entries()) {
    const at = minute / length;
    const knot = Math.floor(at);
    const share = at - knot;
    const smooth = share * share * (3 - 2 * share);
    const [from, to] = [unit(seed, index, knot), unit(seed, index, knot + 1)];
    sum += (from + (to - from) * smooth - 0.5) * height;
  }
  return sum;
}

export type Bar = {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
};

/** A session, in UTC. `day`: its local date, as UTC midnight. */
export type Session = { readonly day: EpochMs; readonly start: EpochMs; readonly end: EpochMs };

export type Market = {
  /** The bar between two moments of a session. */
  bar(of: Instrument, from: EpochMs, to: EpochMs): Bar;
  /** Sessions whose local date is in [from, to], oldest first. */
  sessions(of: Instrument, from: EpochMs, to: EpochMs): readonly Session[];
};

export function isHoliday(day: EpochMs): boolean {
  return ['01-01', '12-25'].includes(new Date(day).toISOString().slice(5, 10));
}

function isWeekend(day: EpochMs): boolean {
  return [0, 6].includes(new Date(day).getUTCDay());
}

function momentOf(zone: string, day: EpochMs, minutes: number): EpochMs {
  const local = day + minutes * MINUTE_MS;
  return local - zoneOffset(zone, local - zoneOffset(zone, local));
}

export function market(seed: number): Market {
  return {
    bar({ symbol, level, volatility }, from, to) {
      const own = (seed ^ hashText(symbol)) >>> 0;
      const at = (moment: EpochMs): number => {
        const price = level * Math.exp(volatility * wave(own, moment / MINUTE_MS));
        return Math.round(price * 100) / 100;
      };
      const steps = Array.from({ length: SAMPLES + 1 }, (_, n) =>
        at(from + ((to - from) * n) / SAMPLES),
      );
      const minutes = Math.floor(from / MINUTE_MS);
      const busy = 0.5 + unit(own, 9, minutes);
      return {
        open: steps[0] ?? 0,
        high: Math.max(...steps),
        low: Math.min(...steps),
        close: steps.at(-1) ?? 0,
        volume: Math.round(((to - from) / MINUTE_MS) * busy * 10_000),
      };
    },
    sessions({ zone, opens, closes }, from, to) {
      const found: Session[] = [];
      const first = Math.max(FIRST_DAY, Math.floor(from / DAY_MS) * DAY_MS);
      for (let day = first; day <= to; day += DAY_MS) {
        if (isWeekend(day)) continue;
        const start = momentOf(zone, day, opens);
        found.push({ day, start, end: momentOf(zone, day, closes) });
      }
      return found;
    },
  };
}

/** The session of the local day, or the next one. */
export function sessionNow(of: Instrument, on: Market, at: EpochMs): Session | undefined {
  const today = localDay(of.zone, at);
  return on.sessions(of, today, today + 10 * DAY_MS).find(({ day }) => !isHoliday(day));
}
