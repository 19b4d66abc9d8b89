import { useEffect, useState } from "preact/hooks";

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** The current time in milliseconds, renewed often enough for words in minutes. */
export function useNow(every = 30_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

export function Ago({ time, now }: { time: string; now: number }) {
  const date = new Date(time);
  return (
    <time dateTime={time} title={exact.format(date)}>
      {ago(date.getTime(), now)}
    </time>
  );
}

/** Both in milliseconds. A server's clock may be ahead of the reader's: the future counts as now. */
export function ago(then: number, now: number): string {
  const seconds = (now - then) / 1000;
  for (const [unit, length] of units) {
    if (seconds >= length) return words.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}
