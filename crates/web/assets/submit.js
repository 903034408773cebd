// The answer goes to the app as the form that is on this page; without this file, a person presses its button.
document.forms[0].submit();
