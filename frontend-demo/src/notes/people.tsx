/** Who is here, and who one is oneself. */

import { useCallback, useRef, useState } from 'preact/hooks';
import { useServices } from '../app/services';
import { LONGEST_NAME } from '../collab/identity';
import { PALETTE } from '../collab/palette';
import type { Person } from '../collab/roster';
import { strings } from '../strings';
import { Avatar } from '../ui/avatar';
import { Field } from '../ui/field';
import { Popover } from '../ui/popover';
import './people.css';

const MOST_AVATARS = 4;

export function People({ people }: { people: readonly Person[] }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(false), []);
  const shown = people.length > MOST_AVATARS + 1 ? people.slice(0, MOST_AVATARS) : people;
  return (
    <div class="people no-print" data-testid="roster" data-count={people.length}>
      <button
        ref={button}
        type="button"
        class="people__button"
        data-testid="roster-toggle"
        aria-label={strings.people.button(people.length)}
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {shown.map((person) => (
          <Avatar key={person.key} name={person.name || strings.people.guest} color={person.color} />
        ))}
        {shown.length < people.length && <span class="people__more">+{people.length - shown.length}</span>}
        {people.length > 1 && <span class="people__more people__more--small">+{people.length - 1}</span>}
      </button>
      <Popover open={open} onClose={close} anchor={button} label={strings.people.title} class="people__panel">
        <OwnIdentity
          onDone={() => {
            close();
            button.current?.focus();
          }}
        />
        <h2 class="people__title">{`${strings.people.title} · ${people.length}`}</h2>
        <ul class="people__list" data-testid="roster-list">
          {people.map((person) => (
            <PersonRow key={person.key} person={person} />
          ))}
        </ul>
      </Popover>
    </div>
  );
}

function PersonRow({ person }: { person: Person }) {
  const name = person.name || strings.people.guest;
  return (
    <li class="people__person" data-self={person.isSelf}>
      <Avatar name={name} color={person.color} />
      <span class="people__name">{name}</span>
      <span class="people__note">
        {person.isSelf && strings.people.you}
        {person.connections > 1 && ` ${strings.people.tabs(person.connections)}`}
      </span>
    </li>
  );
}

function OwnIdentity({ onDone }: { onDone: () => void }) {
  const { identity } = useServices();
  const { name, color } = identity.current.value;
  return (
    <form
      class="people__self"
      onSubmit={(event) => {
        event.preventDefault();
        onDone();
      }}
    >
      <Field
        label={strings.people.yourName}
        defaultValue={name}
        maxLength={LONGEST_NAME}
        testId="name-input"
        onInput={(event) => identity.rename(event.currentTarget.value)}
        onBlur={(event) => {
          event.currentTarget.value = identity.current.value.name;
        }}
      />
      <fieldset class="swatches">
        <legend>{strings.people.yourColor}</legend>
        {PALETTE.map((swatch, index) => (
          <input
            key={swatch}
            type="radio"
            name="color"
            value={swatch}
            checked={swatch === color}
            aria-label={strings.people.color(index + 1)}
            style={{ backgroundColor: swatch }}
            onChange={() => identity.recolor(swatch)}
          />
        ))}
      </fieldset>
    </form>
  );
}
