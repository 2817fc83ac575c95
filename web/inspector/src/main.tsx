import { render } from 'preact';
import { App, start } from './view/app';
import './styles/base.css';
import './styles/layout.css';
import './styles/message.css';
import './styles/panel.css';

start();
const root = document.getElementById('inspector');
if (root) render(<App />, root);
