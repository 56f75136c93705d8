"""The HTTP routes and the gate before them. Knows Starlette, never Streamlit; decides nothing a noun can decide."""
