import { Dashboard } from './dashboard.ts';

new Dashboard().start();
