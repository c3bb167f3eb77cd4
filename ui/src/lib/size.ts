// How sizes are written, in powers of ten as file managers do.

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

export function size(locale: string, bytes: number): string {
  let unit = 0;
  let n = bytes;
  while (n >= 999.5 && unit < units.length - 1) [n, unit] = [n / 1000, unit + 1];
  const maximumFractionDigits = unit && n < 9.95 ? 1 : 0;
  return new Intl.NumberFormat(locale, { style: "unit", unit: units[unit], unitDisplay: unit ? "short" : "long", maximumFractionDigits }).format(n);
}
