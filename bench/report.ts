export interface Figure {
  name: string
  value: number
  /** The bench fails when the value is worse than this. */
  must?: number
  aim?: number
  better: 'higher' | 'lower'
  /** Behind the number when printed: `%`, `ms`, `×`, `B`. A value of unit `%` is a fraction: 0.7 reads 70%. */
  unit?: string
}

/** What a bench is given: it says figures and notes, and reads the options of the command line (`--rounds 5`). */
export interface Report {
  readonly options: Readonly<Record<string, string>>
  figure(figure: Figure): void
  note(text: string): void
}

/** A bench is a file `bench/NAME.ts` whose default export is this. */
export type Bench = (report: Report) => Promise<void>

export interface Outcome {
  figures: Figure[]
  missed: Figure[]
}

/** Prints figures as they come; `outcome` has them all. */
export function reporter(options: Record<string, string>, print: (line: string) => void): Report & { outcome(): Outcome } {
  const figures: Figure[] = []
  return {
    options,
    figure(figure) {
      figures.push(figure)
      print(row(figure))
    },
    note: text => print(`  ${text}`),
    outcome: () => ({ figures, missed: figures.filter(figure => !meets(figure, figure.must)) }),
  }
}

/** A figure that could not be measured (NaN) meets nothing. */
export function meets(figure: Figure, bound: number | undefined): boolean {
  if (bound === undefined) return true
  return figure.better === 'higher' ? figure.value >= bound : figure.value <= bound
}

export function summary(name: string, figures: Figure[]): string {
  return ['BENCH', name, ...figures.map(figure => `${figure.name}=${precise(figure.value)}`)].join(' ')
}

function row(figure: Figure): string {
  const sign = figure.better === 'higher' ? '≥' : '≤'
  const bound = (word: string, value: number | undefined) =>
    value === undefined ? '' : `${word} ${sign} ${shown(value, figure.unit)} ${meets(figure, value) ? 'met' : 'MISSED'}`
  return [
    '',
    figure.name.padEnd(28),
    shown(figure.value, figure.unit).padStart(12),
    bound('must', figure.must).padEnd(24),
    bound('aim', figure.aim),
  ]
    .join('  ')
    .trimEnd()
}

function shown(value: number, unit = ''): string {
  return unit === '%' ? `${(value * 100).toFixed(1)}%` : `${rounded(value)}${unit && ` ${unit}`}`
}

function rounded(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)))
}

function precise(value: number): string {
  return String(Number(value.toPrecision(6)))
}
