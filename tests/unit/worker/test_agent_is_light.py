import subprocess
import sys


def test_the_agent_imports_neither_torch_nor_tiled() -> None:
    program = (
        "import sys, exitwave.worker.agent, exitwave.worker.engine_process.main\n"
        "heavy = {'torch', 'tiled', 'h5py', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
