/** The start page: a new note, a note by name, the notes opened before. */

import { NotebookPen, Plus, X } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useServices } from '../app/services';
import { randomRoomName, secureChance } from '../collab/random-names';
import { checkRoomName, tidyTypedName } from '../collab/room-name';
import { Link } from '../routing/link';
import { roomFromInput } from '../routing/route';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Field } from '../ui/field';
import { Icon } from '../ui/icon';
import { relativeTime } from './relative-time';
import './start-page.css';

export function StartPage() {
  const { router } = useServices();
  useEffect(() => {
    document.title = strings.app.name;
  }, []);
  return (
    <main class="start">
      <header class="start__header">
        <span class="start__mark">
          <Icon shape={NotebookPen} size={26} />
        </span>
        <h1>{strings.start.headline}</h1>
        <p>{strings.start.lead}</p>
      </header>
      <div class="start__card">
        <section class="start__new">
          <Button
            weight="primary"
            icon={Plus}
            class="start__create"
            data-testid="new-note"
            onClick={() => router.go(router.notePath(randomRoomName(secureChance)))}
          >
            {strings.start.create}
          </Button>
          <p>{strings.start.createHint}</p>
        </section>
        <OpenForm />
      </div>
      <RecentList />
    </main>
  );
}

function OpenForm() {
  const { router } = useServices();
  const [problem, setProblem] = useState<string>();
  const input = useRef<HTMLInputElement>(null);

  const open = (event: Event) => {
    event.preventDefault();
    const typed = roomFromInput(input.current?.value ?? '', document.baseURI);
    const result = checkRoomName(tidyTypedName(typed));
    if (result.ok) {
      router.go(router.notePath(result.room));
    } else {
      setProblem(strings.nameProblem[result.problem]);
      input.current?.focus();
    }
  };

  return (
    <form class="start__form" onSubmit={open} noValidate>
      <Field
        label={strings.start.nameLabel}
        placeholder={strings.start.namePlaceholder}
        problem={problem}
        inputRef={input}
        testId="room-input"
        verbatim
        onInput={() => setProblem(undefined)}
      />
      <Button type="submit" data-testid="open-note">
        {strings.start.go}
      </Button>
    </form>
  );
}

function RecentList() {
  const { recent, router } = useServices();
  const rooms = recent.list.value;
  const now = Date.now();
  return (
    <section class="recent" aria-labelledby="recent-title">
      <h2 id="recent-title">{strings.start.recent}</h2>
      {rooms.length === 0 ? (
        <p class="recent__empty">{strings.start.recentEmpty}</p>
      ) : (
        <ul class="recent__list" data-testid="recent">
          {rooms.map(({ room, openedAt }) => (
            <li key={room} class="recent__item">
              <Link class="recent__link" to={router.notePath(room)}>
                <span class="recent__name">{room}</span>
                <time class="recent__time" dateTime={new Date(openedAt).toISOString()}>
                  {relativeTime(openedAt, now)}
                </time>
              </Link>
              <button
                type="button"
                class="recent__forget"
                aria-label={strings.start.forget(room)}
                onClick={() => recent.forget(room)}
              >
                <Icon shape={X} size={16} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
