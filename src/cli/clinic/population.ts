import { type Brand, readBrand } from './brand.ts'
import { chanceOf } from './chance.ts'
import { day } from './clock.ts'
import { Life } from './life.ts'
import { type Person, personOf, type Setting } from './person.ts'
import { type ExportFile, exportNames, type Row } from './rows.ts'

export interface PopulationSetting extends Setting {
  /** How many people; 29 of 40 are recognised. */
  people: number
}

/** What a night brings: the rows of one file, in the order in which it has them. */
export interface Night {
  file: ExportFile
  rows: Row[]
}

/** The clinic at the end of 2026, as its specification has it. */
export const standardPopulation: PopulationSetting = { seed: 7, people: 12_000, days: 540, now: Date.parse('2026-12-10T10:00:00+08:00') }

/**
 * What the systems of the clinic export, night by night, with the faults that such exports have: of the rows of the patients' system
 * 3% come some nights late and 1% have another phone; of all rows 0.5% come twice; the skin tests of the first store are made by people
 * who share the tablet on its counter. No more than the people and the rows of a few nights are held at once.
 */
export function* population(setting: PopulationSetting): Generator<Night> {
  const brand = readBrand()
  const chance = chanceOf(setting.seed, 0, 3)
  const nights = new Map<ExportFile, Row[][]>(exportNames.map(file => [file, []]))
  const tablet = { left: Math.round((500 * setting.people) / 12_000) }
  let night = 0
  const emit = (file: ExportFile, at: number, fields: Row['fields']) => {
    const isPatients = file.startsWith('his-')
    const row = { file, at, fields: isPatients && chance.happens(0.01) ? misdialled(fields, setting.people, chance.whole) : fields }
    if (file === 'skin-tests' && fields.store_id === brand.stores[0] && tablet.left-- > 0)
      row.fields = { ...fields, device_id: 'tablet-SH01' }
    const late = isPatients && file !== 'his-patients' && chance.happens(0.03) ? chance.whole(1, 4) : 0
    const of = nights.get(file) as Row[][]
    const rows = of[night + late] ?? []
    of[night + late] = rows
    rows.push(row)
    if (chance.happens(0.005)) rows.push(row)
  }
  const lives = peopleOf(setting, brand).map(person => new Life(person, brand, setting.now, emit))
  for (; night < setting.days; night++) {
    for (const life of lives) life.live(setting.now - (setting.days - night) * day)
    yield* brought(nights, night)
  }
  // The snapshots at the end; what is later than the last night has not come yet.
  for (const of of nights.values()) of.length = 0
  for (const life of lives) life.close()
  yield* brought(nights, night)
}

function* brought(nights: ReadonlyMap<ExportFile, Row[][]>, night: number): Generator<Night> {
  for (const [file, of] of nights) {
    const rows = of[night]
    delete of[night]
    if (rows) yield { file, rows: rows.sort((a, b) => a.at - b.at) }
  }
}

function peopleOf(setting: PopulationSetting, brand: Brand): Person[] {
  const recognised = Math.round(setting.people * 0.725)
  return Array.from({ length: setting.people }, (_, index) =>
    index < recognised ? personOf(index, true, brand, setting) : personOf(index - recognised, false, brand, setting),
  )
}

/** A digit is wrong, or missing, or it is the phone of whom somebody came with. */
function misdialled(fields: Row['fields'], people: number, whole: (from: number, to: number) => number): Row['fields'] {
  const phone = fields.手机号
  if (typeof phone !== 'string') return fields
  const how = whole(0, 9)
  const wrong =
    how === 0
      ? `1990${String(whole(0, people - 1) * 7 + 3).padStart(7, '0')}`
      : how < 5
        ? phone.slice(0, 10)
        : `${phone.slice(0, 10)}${(Number(phone[10]) + 1) % 10}`
  return { ...fields, 手机号: wrong }
}
