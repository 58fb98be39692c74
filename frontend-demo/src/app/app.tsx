/** Which page is shown for which route. A new page (board, console) is a route in `routing/` and a line here. */

import { NoteSkeleton } from '../notes/note-skeleton';
import { StartPage } from '../start/start-page';
import { strings } from '../strings';
import { ErrorBoundary } from './error-boundary';
import { lazyPage } from './lazy-page';
import { NotFoundPage } from './not-found-page';
import { useServices } from './services';

const NotePage = lazyPage(
  () => import('../notes/note-page').then((module) => module.NotePage),
  () => <NoteSkeleton />,
);

export function App() {
  return (
    <ErrorBoundary>
      <CurrentPage />
    </ErrorBoundary>
  );
}

function CurrentPage() {
  const route = useServices().router.route.value;
  switch (route.page) {
    case 'start':
      return <StartPage />;
    case 'note':
      // The key makes a new room a new page: nothing of one note may linger in another.
      return <NotePage key={route.room} room={route.room} />;
    case 'badRoom':
      return <NotFoundPage title={strings.notFound.badRoom} text={strings.nameProblem[route.problem]} />;
    case 'notFound':
      return <NotFoundPage title={strings.notFound.title} text={strings.notFound.text} />;
  }
}
