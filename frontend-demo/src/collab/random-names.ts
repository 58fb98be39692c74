/** Friendly random names for people and for new rooms. Owns the words; chance is an argument. */

/** A number in [0, 1), as `Math.random` gives it. */
export type Chance = () => number;

const MOODS =
  'Brave Bright Busy Calm Cheerful Clever Cosy Curious Eager Gentle Happy Jolly Kind Lively Lucky Merry Mindful Nimble Patient Playful Polite Quick Quiet Sunny Swift Thoughtful Warm Wise Witty Zesty'.split(
    ' ',
  );
const ANIMALS =
  'Badger Bear Beaver Bee Bison Crane Deer Dolphin Falcon Finch Fox Gecko Hare Hedgehog Heron Koala Lark Lynx Marten Moose Otter Owl Panda Penguin Puffin Robin Seal Sparrow Squirrel Swan Tiger Turtle Whale Wren'.split(
    ' ',
  );
const SHADES =
  'amber azure bright brisk calm cedar clear copper coral crisp early fair fresh gentle golden green hazel indigo ivory jade late lilac lunar maple mellow misty olive pearl quiet rapid ruby sandy silver snowy solar spring still sunny teal tidal warm wild winter'.split(
    ' ',
  );
const PLACES =
  'bay beach bridge brook canyon cliff cloud coast comet creek delta dune field fjord forest garden glade grove harbor hill island lagoon lake meadow moon moor mountain oasis orchard path peak pond prairie reef ridge river shore sky spring star stream summit valley wave wood'.split(
    ' ',
  );

/** "Curious Otter" */
export function randomPersonName(chance: Chance): string {
  return `${pick(MOODS, chance)} ${pick(ANIMALS, chance)}`;
}

/** "amber-river-4821": readable aloud in a classroom, unlikely to meet another. */
export function randomRoomName(chance: Chance): string {
  return `${pick(SHADES, chance)}-${pick(PLACES, chance)}-${1000 + Math.floor(chance() * 9000)}`;
}

/** Randomness of the browser's generator, so that rooms opened in the same moment differ. */
export function secureChance(): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
}

export function pick<T>(list: readonly T[], chance: Chance): T {
  const value = list[Math.floor(chance() * list.length)];
  if (value === undefined) throw new RangeError('nothing to pick from');
  return value;
}
