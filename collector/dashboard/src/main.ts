import { mount } from 'svelte';
import App from './App.svelte';
import { preferences } from './preferences.svelte';
import './styles/fonts.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/print.css';

preferences.apply();
const target = document.getElementById('app');
if (target) mount(App, { target });
