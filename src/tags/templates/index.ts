import { frequentSkincare, intent, likelyReturn, priceSensitive, valuesDoctor } from './need.ts'
import { birthdaySoon, brandPreference, categoryPreference, channelAndTime, contentPreference } from './preference.ts'
import { discountAffinity, lifecycle, recency, rfm, spendLevel } from './purchase.ts'
import type { Template } from './template.ts'

/** Tags that are ready to use. */
export const templates: readonly Template[] = [
  lifecycle,
  rfm,
  spendLevel,
  recency,
  discountAffinity,
  categoryPreference,
  brandPreference,
  contentPreference,
  channelAndTime,
  birthdaySoon,
  likelyReturn,
  priceSensitive,
  intent,
  frequentSkincare,
  valuesDoctor,
]
